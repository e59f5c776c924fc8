import { inTransaction } from '@caregate/service/transaction';
import type { Connection, mongo, Types } from 'mongoose';
import { type ClinicCounts, countsDelta, readCounts, stripeId, stripesOf, sumCounts } from './counts.ts';
import type { ClinicCountsDocument, PatientDocument } from './documents.ts';
import type { ClinicModels } from './models.ts';
import { searchFields } from './search-text.ts';
import { checkSheets } from './sheet-check.ts';

export interface Recounting {
  readonly connection: Connection;
  readonly models: ClinicModels;
  readonly isDemo: (userId: string) => boolean;
}

/** A figure that is kept wrongly, by its path (`total`, `tags.<id>`, `providers.dexcom.states.connected`). */
export interface Drift {
  readonly figure: string;
  readonly kept: number;
  readonly counted: number;
}

/**
 * Counts a clinic's patients and says which kept figures differ; both are seen at one moment, however many write meanwhile.
 * `lists` is how many patients stand on the sheets as they are, against how many there are on either; `search` how many are found and
 * sorted by what this version makes of their name, against all: an upgrade may make something else of it.
 */
export async function checkCounts(recounting: Recounting, clinicId: Types.ObjectId): Promise<readonly Drift[]> {
  return inspect(recounting, clinicId, false);
}

/**
 * As `checkCounts`, and then keeps what was counted. A writer who comes in between is not lost:
 * both touch the same documents, so one of the two is repeated.
 */
export async function repairCounts(recounting: Recounting, clinicId: Types.ObjectId): Promise<readonly Drift[]> {
  return inspect(recounting, clinicId, true);
}

async function inspect(recounting: Recounting, clinicId: Types.ObjectId, repair: boolean): Promise<readonly Drift[]> {
  const counts = await recount(recounting, clinicId, repair);
  const search = await searchDrift(recounting, clinicId, repair); // before the lists, which hold the same
  return [...counts, ...search, ...(await listDrift(recounting, clinicId, repair))];
}

/** So many are written at once. */
const SEARCHED_AT_ONCE = 500;

async function searchDrift({ models }: Recounting, clinicId: Types.ObjectId, repair: boolean): Promise<Drift[]> {
  const collection = models.patients.collection;
  const projection = { fullName: 1, email: 1, mrn: 1, birthDate: 1, sortName: 1, searchText: 1 };
  let [patients, wrong] = [0, 0];
  let updates: mongo.AnyBulkWriteOperation[] = [];
  const write = async () => {
    if (updates.length > 0) await collection.bulkWrite(updates, { ordered: false });
    updates = [];
  };
  // The projection holds what search fields are made of.
  for await (const patient of collection.find(
    { clinicId },
    { projection },
  ) as unknown as AsyncIterable<PatientDocument>) {
    const { _id, sortName, searchText } = patient;
    const { fullName = '', birthDate = '' } = patient as Partial<PatientDocument>; // a check meets whatever is there
    const right = searchFields({ ...patient, fullName, birthDate });
    patients += 1;
    if (right.sortName === sortName && right.searchText === searchText) continue;
    wrong += 1;
    // Whoever changes the patient meanwhile writes the right ones themselves.
    if (repair) updates.push({ updateOne: { filter: { _id, sortName, searchText }, update: { $set: right } } });
    if (updates.length === SEARCHED_AT_ONCE) await write();
  }
  await write();
  return wrong === 0 ? [] : [{ figure: 'search', kept: patients - wrong, counted: patients }];
}

async function listDrift({ connection, models }: Recounting, clinicId: Types.ObjectId, repair: boolean) {
  const { patients, right } = await checkSheets(connection, models, clinicId, repair);
  return patients === right ? [] : [{ figure: 'lists', kept: right, counted: patients }];
}

function recount(
  { connection, models, isDemo }: Recounting,
  clinicId: Types.ObjectId,
  repair: boolean,
): Promise<readonly Drift[]> {
  return inTransaction(connection, async (session) => {
    const counted: Record<string, number> = {};
    const patients = models.patients.collection
      .find(
        { clinicId },
        {
          session,
          projection: {
            _id: 0,
            userId: 1,
            tags: 1,
            'sites._id': 1,
            'dataSources.providerName': 1,
            'dataSources.state': 1,
          },
        },
      )
      .batchSize(5_000);
    // The projection holds what is counted.
    for await (const patient of patients as unknown as AsyncIterable<PatientDocument>) {
      for (const [path, by] of Object.entries(countsDelta(undefined, patient, isDemo)))
        counted[path] = (counted[path] ?? 0) + by;
    }
    const drift = differences(await readCounts(models, clinicId, session), sumCounts([stripeOf(clinicId, counted)]));
    if (repair) {
      const { _id, ...figures } = stripeOf(clinicId, counted);
      const others = { $and: [stripesOf(clinicId), { _id: { $ne: _id } }] } as object; // the type knows a text as key
      await models.clinicCounts.deleteMany(others, { session });
      await models.clinicCounts.replaceOne({ _id }, figures, { session, upsert: true });
    }
    return drift;
  });
}

/** One stripe that holds the whole count. */
function stripeOf(clinicId: Types.ObjectId, counted: Readonly<Record<string, number>>): ClinicCountsDocument {
  const stripe: Record<string, unknown> = {};
  for (const [path, figure] of Object.entries(counted)) {
    const segments = path.split('.');
    const last = segments.pop() ?? path;
    let at = stripe;
    for (const segment of segments) at = (at[segment] ??= {}) as Record<string, unknown>; // only this loop makes what it holds
    at[last] = figure;
  }
  return { _id: stripeId(clinicId, 0), clinicId, ...stripe };
}

function differences(kept: ClinicCounts, counted: ClinicCounts): Drift[] {
  const [a, b] = [figuresOf(kept), figuresOf(counted)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .map((figure) => ({ figure, kept: a.get(figure) ?? 0, counted: b.get(figure) ?? 0 }))
    .filter((each) => each.kept !== each.counted);
}

function figuresOf({ total, demo, plan, tags, sites, providers }: ClinicCounts): Map<string, number> {
  return new Map([
    ['total', total],
    ['demo', demo],
    ['plan', plan],
    ...Object.entries(tags).map(([tag, count]) => [`tags.${tag}`, count] as const),
    ...Object.entries(sites).map(([site, count]) => [`sites.${site}`, count] as const),
    ...Object.entries(providers).flatMap(([name, provider]) => [
      [`providers.${name}.total`, provider.total] as const,
      ...Object.entries(provider.states).map(([state, count]) => [`providers.${name}.states.${state}`, count] as const),
    ]),
  ]);
}
