import { MongoClient, type Db, type Timestamp } from 'mongodb';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClinicClient } from '@caregate/contracts';
import { startApi } from '@caregate/fuzz/api';
import { makeWorld } from '@caregate/fuzz/world';
import { startServers } from '@caregate/stack';
import { fillClinic } from './list-clinic.ts';
import { RESULTS, writeSection } from './pages.ts';
import { scalePlan } from './scale.ts';
import { type CollectionSize, type SizeFigures, sizesTable } from './sizes-report.ts';
import { withCleanup } from './with-cleanup.ts';

const HELP = `Usage: node tools/bench/src/main.ts sizes [--patients N] [--plan-only] [--docs]

What a patient takes in MongoDB (collStats of a clinic that has been filled, and what writes add to the oplog), and from it, and from what the
other benches have left in dist/bench, the plan of docs/scale.md.

  --patients N   of the clinic, with summaries of up to 14 KB (10000)
  --plan-only    measures nothing; the plan from the figures that are there
  --docs         writes the plan into docs/scale.md
`;

/** Sizes, and the plan that follows from them. @returns the exit status */
export async function sizes(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      patients: { type: 'string', default: '10000' },
      'plan-only': { type: 'boolean' },
      docs: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  if (!values['plan-only']) {
    const figures = await measured(Number(values.patients), say);
    await mkdir(RESULTS, { recursive: true });
    await writeFile(join(RESULTS, 'sizes.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
    say(`\n${sizesTable(figures)}`);
  }
  const plan = await scalePlan();
  say(`\n${plan}`);
  if (values.docs) await writeSection('docs/scale.md', 'plan', plan);
  return 0;
}

const measured = (patients: number, say: (line: string) => void): Promise<SizeFigures> =>
  withCleanup(async (later) => {
    const servers = await startServers({ only: ['mongod'], log: say });
    later(() => servers.stop());
    const api = await startApi(servers.mongodbUri);
    later(() => api.close());
    const { MONGODB_URI: uri = '' } = api.app.env;
    const client = await MongoClient.connect(uri);
    later(() => client.close());
    const world = await makeWorld(api.target);
    const service = createClinicClient({ baseUrl: api.target.url, token: world.serviceToken });
    say(`filling a clinic with ${patients} patients ...`);
    await fillClinic(uri, world, service, patients);
    const db = client.db();
    say('writing, for the oplog ...');
    const [clinicId = ''] = world.ids.clinicId;
    const path = { clinicId };
    const asAdmin = createClinicClient({ baseUrl: api.target.url, token: world.admin.token });
    const [some] = await db
      .collection('patients')
      .find({ 'summary.cgmStats': { $exists: true } })
      .limit(1)
      .toArray();
    if (!some) throw new Error('patients were just made');
    const made = (name: string) => ({ fullName: name, birthDate: '1990-01-01', mrn: name });
    const oplogBytes = await oplogOf(client, db.databaseName, {
      'new patient': (n) => asAdmin.POST('/v1/clinics/{clinicId}/patients', { params: { path }, body: made(`N${n}`) }),
      'changed patient': (n) =>
        asAdmin.PUT('/v1/clinics/{clinicId}/patients/{patientId}', {
          params: { path: { clinicId, patientId: String(some['userId']) } },
          body: made(`C${n}`),
        }),
      'changed clinic': (n) =>
        asAdmin.PUT('/v1/clinics/{clinicId}', {
          params: { path },
          body: { name: `Clinic ${n}`, preferredBgUnits: 'mg/dL' } as never, // the rest stays
        }),
      'new summary': (n) =>
        service.POST('/v1/patients/{patientId}/summary', {
          params: { path: { patientId: String(some['userId']) } },
          body: JSON.parse(JSON.stringify(varied(some['summary'], n))) as never, // as the API has given it out
        }),
    });
    await client.db('admin').command({ fsync: 1 }); // sizes on disk are told as of the last checkpoint
    return { patients, collections: await sizesOf(db), oplogBytes };
  });

const varied = (summary: Record<string, Record<string, unknown>>, n: number) => ({
  ...summary,
  cgmStats: {
    ...summary['cgmStats'],
    config: { ...(summary['cgmStats']?.['config'] as object), schemaVersion: 5 + n },
  }, // of the contract
});

async function sizesOf(db: Db): Promise<CollectionSize[]> {
  const names = (await db.listCollections({ type: 'collection' }, { nameOnly: true }).toArray()).map(
    ({ name }) => name,
  );
  return Promise.all(
    names
      .filter((name) => !name.startsWith('system.'))
      .map(async (name) => {
        const stats = await db.command({ collStats: name });
        return {
          name,
          documents: Number(stats['count']),
          bytes: Number(stats['size']),
          storedBytes: Number(stats['storageSize']),
          indexes: stats['indexSizes'] as Record<string, number>, // MongoDB's own
        };
      }),
  );
}

const WRITES = 300;

/** Mean bytes of what the oplog holds after a write that it did not hold before, of this database and of transactions. */
async function oplogOf(
  client: MongoClient,
  database: string,
  writes: Readonly<Record<string, (n: number) => Promise<{ response: Response; error?: unknown }>>>,
): Promise<Record<string, number>> {
  const oplog = client.db('local').collection('oplog.rs');
  const sizes: Record<string, number> = {};
  for (const [name, write] of Object.entries(writes)) {
    const before = await lastOf(oplog);
    for (let n = 0; n < WRITES; n++) {
      const { response, error } = await write(n);
      if (!response.ok) throw new Error(`${name}: ${response.status} ${JSON.stringify(error)}`);
    }
    const [sum] = await oplog
      .aggregate<{ bytes: number }>([
        {
          $match: {
            ts: { $gt: before },
            $or: [{ ns: { $regex: `^${database}\\.` } }, { 'o.applyOps.ns': { $regex: `^${database}\\.` } }],
          },
        },
        { $group: { _id: null, bytes: { $sum: { $bsonSize: '$$ROOT' } } } },
      ])
      .toArray();
    sizes[name] = (sum?.bytes ?? 0) / WRITES;
  }
  return sizes;
}

async function lastOf(oplog: ReturnType<Db['collection']>): Promise<Timestamp> {
  const [last] = await oplog.find({}).sort({ $natural: -1 }).limit(1).toArray();
  return last?.['ts'] as Timestamp; // of every entry
}
