/** A clinic of many patients, each as the API stores them: one is made through it, with all figures that a summary can have, the others are its copies. */
import { randomBytes } from 'node:crypto';
import { clinicModels, objectId, repairCounts, searchFields } from '@caregate/clinic-model/recount';
import { type ClinicClient, contracts, type OpenApiDocument, resolveSchema, type Schema } from '@caregate/contracts';
import type { World } from '@caregate/fuzz/world';
import { createConnection, Types } from 'mongoose';

type Values = Record<string, unknown>;

/** The same sequence in every run. */
export function randomness(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const PERIODS = ['1d', '7d', '14d', '30d'];
const DAY_MS = 86_400_000;
const FIRST = [
  'Ada',
  'Bert',
  'Cleo',
  'Dora',
  'Emil',
  'Fay',
  'Gus',
  'Hana',
  'Ivan',
  'June',
  'Karl',
  'Lena',
  'Milo',
  'Nora',
];
const LAST = [
  'Abbot',
  'Brook',
  'Carver',
  'Dunn',
  'Ellis',
  'Finch',
  'Grove',
  'Hayes',
  'Irwin',
  'Joyce',
  'Keane',
  'Lowe',
];
const AT_ONCE = 500;

/** Fills the clinic of the world; gives how many it has then. */
export async function fillClinic(uri: string, world: World, service: ClinicClient, patients: number): Promise<number> {
  const [clinicId = ''] = world.ids.clinicId;
  const model = await modelPatient(service, clinicId, world);
  const connection = await createConnection(uri).asPromise();
  try {
    const { db } = connection;
    const _id = objectId(clinicId);
    if (!db || !_id) throw new Error('the clinic was just made there');
    const original = await db.collection('patients').findOne({ clinicId: _id, userId: model });
    if (!original) throw new Error('the patient was just made there');
    const random = randomness();
    for (let made = 0; made < patients; made += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, patients - made) }, (_, i) =>
        copyOf(original, made + i, world, random),
      );
      await db.collection('patients').insertMany(some);
    }
    await repairCounts({ connection, models: clinicModels(connection), isDemo: () => false }, _id);
    return await db.collection('patients').countDocuments({ clinicId: _id });
  } finally {
    await connection.close();
  }
}

async function modelPatient(service: ClinicClient, clinicId: string, { ids }: World): Promise<string> {
  const [tag = ''] = ids.patientTagId;
  const [site = ''] = ids.siteId;
  const body = {
    ...{
      fullName: 'Model Patient',
      birthDate: '1990-01-01',
      mrn: 'MODEL',
      tags: [tag],
      sites: [{ id: site, name: 'Site' }],
    },
    ...{ dataSources: [{ providerName: 'dexcom' as const, state: 'connected' as const }] },
  };
  const made = await service.POST('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId } }, body });
  const patientId = made.data?.id ?? '';
  const summary = { cgmStats: statsOf('Cgm'), bgmStats: statsOf('Bgm') } as never; // made from the contract
  const { response } = await service.POST('/v1/patients/{patientId}/summary', {
    params: { path: { patientId } },
    body: summary,
  });
  if (!response.ok) throw new Error(`the summary was refused: ${response.status} ${await response.text()}`);
  return patientId;
}

/** Everything that the contract lets a summary have. */
function statsOf(kind: 'Cgm' | 'Bgm'): Values {
  const periods = PERIODS.map((period) => [period, valuesOf(`${kind}Period`)]);
  const stats = valuesOf(`${kind}Stats`);
  return { ...stats, id: randomBytes(12).toString('hex'), periods: Object.fromEntries(periods) };
}

function valuesOf(schema: string): Values {
  const document: OpenApiDocument = contracts.clinic;
  const { properties = {} } = resolveSchema(document, { $ref: `#/components/schemas/${schema}` }) as {
    properties?: Values;
  }; // a schema of an object
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, property]) => {
      const value = valueOf(document, property as Schema, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function valueOf(document: OpenApiDocument, property: Schema, name: string): unknown {
  const { type, format, properties } = resolveSchema(document, property) as Values;
  if (type === 'boolean') return true;
  if (type === 'number' || type === 'integer') return name === 'schemaVersion' ? 5 : type === 'integer' ? 100 : 0.5;
  if (type === 'string') return format === 'date-time' ? '2026-06-01T00:00:00Z' : undefined;
  if (type !== 'object' || properties === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(properties as Values).flatMap(([inner, each]) => {
      const value = valueOf(document, each as Schema, inner);
      return value === undefined ? [] : [[inner, value]];
    }),
  );
}

/** One patient in so many carries the first tag, the second, the third; sites likewise. */
const RARITY = [2, 10, 100];

/** Another patient of the same form: most have figures, half a tag, some two, a few other ranges. */
function copyOf(original: Values, i: number, { ids }: World, random: () => number): Values {
  const person = {
    fullName: `${FIRST[(i * 7) % FIRST.length]} ${LAST[(i * 11) % LAST.length]} ${String(i).padStart(5, '0')}`,
    birthDate: `${1940 + (i % 70)}-${String(1 + (i % 12)).padStart(2, '0')}-${String(1 + (i % 28)).padStart(2, '0')}`,
    mrn: `MRN${i}`,
  };
  const { summary, reviews: _, ...rest } = original;
  const labels = (all: readonly string[]) =>
    all.filter((_label, rank) => i % (RARITY[rank] ?? 1) === 0).map((id) => new Types.ObjectId(id));
  const { cgmStats, bgmStats } = summary as { cgmStats: Values; bgmStats: Values }; // of the model
  return {
    ...rest,
    ...person,
    ...searchFields(person),
    _id: new Types.ObjectId(),
    userId: randomBytes(5).toString('hex'),
    tags: labels(ids.patientTagId),
    sites: labels(ids.siteId).map((_id) => ({ _id, name: 'Site' })),
    ...(i % 3 === 0 && { reviews: [{ clinicianId: ids.clinicianId[0], time: daysAgo(random() * 90) }] }),
    ...(i % 10 === 1 && { glycemicRanges: { type: 'custom' } }),
    ...(i % 5 > 0 && {
      summary: { cgmStats: varied(cgmStats, random), ...(i % 5 > 2 && { bgmStats: varied(bgmStats, random) }) },
    }),
  };
}

function varied(stats: Values, random: () => number): Values {
  const { periods, dates, ...rest } = stats;
  const figures = (period: Values) =>
    Object.fromEntries(
      Object.entries(period).map(([name, value]) => [
        name,
        typeof value !== 'number' ? value : Number.isInteger(value) ? Math.floor(random() * 2 * value) : random(),
      ]),
    );
  return {
    ...rest,
    id: randomBytes(12).toString('hex'),
    dates: { ...(dates as Values), lastData: daysAgo(random() * 60), lastUploadDate: daysAgo(random() * 60) },
    // The model's own.
    periods: Object.fromEntries(
      Object.entries(periods as Record<string, Values>).map(([name, period]) => [name, figures(period)]),
    ),
  };
}

const NOW = Date.UTC(2026, 6, 1);
const daysAgo = (days: number) => new Date(NOW - days * DAY_MS);
