import { type Collection, type Db, ObjectId } from 'mongodb';
import { setTimeout as pause } from 'node:timers/promises';

/** A patient as the load writes it; each change has a number, by which it is known again where it arrives. */
interface PatientRow {
  readonly _id: ObjectId;
  readonly permissions: Permissions;
}

interface Permissions {
  readonly custodian: Readonly<Record<string, never>>;
  readonly view: { readonly change: number };
}

const permissionsOf = (change: number): Permissions => ({ custodian: {}, view: { change } });

/** One way from a clinic database to a gatekeeper database. */
export interface Replication {
  readonly source: Collection<PatientRow>;
  readonly replica: Collection<PatientRow>;
}

/** Milliseconds from the sending of a write until a majority read of the replica can see it. */
export interface SteadyResult {
  readonly perSecond: number;
  readonly changes: number;
  readonly unseen: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** How long the write itself took, which is part of the others. */
  readonly writeP50: number;
}

export interface BurstResult {
  readonly changes: number;
  readonly writtenPerSecond: number;
  /** From the first write until the last one is seen in the replica. */
  readonly replicatedPerSecond: number;
}

const INSERT_AT_ONCE = 1_000;
const WRITERS = 4;
const LONGEST_WAIT_MS = 240_000; // on a machine that has much else to do

/** Makes patients of about the size that real ones have; what a replica must not get is most of it. */
export async function insertPatients(source: Collection<PatientRow>, count: number): Promise<void> {
  const clinicId = new ObjectId();
  const summary = {
    cgmStats: {
      periods: Object.fromEntries(
        ['1d', '7d', '14d', '30d'].map((days) => [
          days,
          { averageGlucose: { value: 8.1, units: 'mmol/L' }, timeInTargetPercent: 0.7, records: 288 },
        ]),
      ),
    },
  };
  for (let from = 0; from < count; from += INSERT_AT_ONCE) {
    const some = Array.from({ length: Math.min(INSERT_AT_ONCE, count - from) }, (_, i) => ({
      _id: new ObjectId(),
      clinicId,
      userId: (from + i).toString(16).padStart(10, '0'),
      fullName: `Sample Patient ${from + i}`,
      birthDate: '1980-01-02',
      mrn: String(from + i),
      tags: [],
      permissions: permissionsOf(0),
      isMigrated: true, // no reaction of the worker is concerned
      summary,
      createdTime: new Date(),
    }));
    await source.insertMany(some, { ordered: false });
  }
}

/** Changes one patient after the other at a steady rate, and sees when each change arrives. */
export async function steady(
  replication: Replication,
  options: { perSecond: number; seconds: number; firstChange: number },
): Promise<SteadyResult> {
  const { perSecond, seconds, firstChange } = options;
  const { source, replica } = replication;
  const ids = await idsOf(source);
  const changes = perSecond * seconds;
  const sent = new Float64Array(changes);
  const written = new Float64Array(changes);
  const seen = new Float64Array(changes);
  const stopWatching = await watchArrivals(replica, (change, time) => {
    const n = change - firstChange;
    if (n >= 0 && n < changes) seen[n] ||= time;
  });
  const begin = performance.now();
  const writes: Promise<unknown>[] = [];
  for (let n = 0; n < changes; n++) {
    const wait = begin + (n * 1_000) / perSecond - performance.now();
    if (wait > 0) await pause(wait);
    sent[n] = performance.now();
    const change = { $set: { permissions: permissionsOf(firstChange + n) } };
    // Each patient is changed again long after its last change has arrived: none can hide another.
    writes.push(
      source.updateOne({ _id: ids[n % ids.length] as ObjectId }, change).then(() => (written[n] = performance.now())),
    );
  }
  await Promise.all(writes);
  const giveUp = performance.now() + 60_000;
  while (seen.includes(0) && performance.now() < giveUp) await pause(20);
  await stopWatching();
  const delays = [...seen].flatMap((time, n) => (time > 0 ? [time - (sent[n] ?? 0)] : [])).sort(ascending);
  const writing = [...written].map((time, n) => time - (sent[n] ?? 0)).sort(ascending);
  return {
    perSecond,
    changes,
    unseen: changes - delays.length,
    p50: quantile(delays, 0.5),
    p95: quantile(delays, 0.95),
    p99: quantile(delays, 0.99),
    max: delays.at(-1) ?? Number.NaN,
    writeP50: quantile(writing, 0.5),
  };
}

/** Changes every patient as fast as the database takes it, and waits until all is replicated. */
export async function burst({ source, replica }: Replication, change: number): Promise<BurstResult> {
  const ids = await idsOf(source);
  const begin = performance.now();
  const batches = Array.from({ length: Math.ceil(ids.length / INSERT_AT_ONCE) }, (_, i) =>
    ids.slice(i * INSERT_AT_ONCE, (i + 1) * INSERT_AT_ONCE),
  );
  const write = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      await source.bulkWrite(
        batch.map((_id) => ({
          updateOne: { filter: { _id }, update: { $set: { permissions: permissionsOf(change) } } },
        })),
        { ordered: false },
      );
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  const written = performance.now();
  await untilAllHave(replica, ids.length, change);
  const seen = performance.now();
  return {
    changes: ids.length,
    writtenPerSecond: (ids.length * 1_000) / (written - begin),
    replicatedPerSecond: (ids.length * 1_000) / (seen - begin),
  };
}

/** @throws {Error} when the replica does not get there */
export async function untilAllHave(replica: Collection<PatientRow>, count: number, change: number): Promise<void> {
  const giveUp = performance.now() + LONGEST_WAIT_MS;
  // From the end, where what is still missing is found at once: the question must not slow down what it asks about.
  const missing = () =>
    replica.findOne({ 'permissions.view.change': { $ne: change } }, { sort: { _id: -1 }, projection: { _id: 1 } });
  while ((await replica.estimatedDocumentCount()) < count || (await missing()) !== null) {
    if (performance.now() > giveUp)
      throw new Error(`${replica.namespace} did not get all of ${count} changes within ${LONGEST_WAIT_MS / 1_000} s`);
    await pause(50);
  }
}

/** How many rows of the replica are not what the source holds. */
export async function differences({ source, replica }: Replication): Promise<number> {
  const known = new Map<string, number>();
  for await (const row of source.find({}, { projection: { permissions: 1 } }))
    known.set(row._id.toHexString(), row.permissions.view.change);
  let different = 0;
  for await (const row of replica.find({}, { projection: { permissions: 1 } })) {
    const id = row._id.toHexString();
    if (known.get(id) !== row.permissions?.view?.change) different++;
    known.delete(id);
  }
  return different + known.size;
}

export const replicationOf = (source: Db, replica: Db, rows: string): Replication => ({
  source: source.collection('patients', MAJORITY),
  replica: replica.collection(rows, MAJORITY),
});

const MAJORITY = { writeConcern: { w: 'majority', journal: true }, readConcern: { level: 'majority' } } as const;

async function idsOf(source: Collection<PatientRow>): Promise<ObjectId[]> {
  return (await source.find({}, { projection: { _id: 1 }, sort: { _id: 1 } }).toArray()).map(({ _id }) => _id);
}

/** A change stream sees what is committed by a majority: what a reader of the gatekeeper sees, and a little later than it. */
async function watchArrivals(replica: Collection<PatientRow>, arrived: (change: number, time: number) => void) {
  const projection = [{ $project: { 'fullDocument.permissions': 1, 'updateDescription.updatedFields': 1 } }];
  const stream = replica.watch(projection, { maxAwaitTimeMS: 500 });
  await stream.tryNext(); // opens it; before, it would miss changes
  const reading = (async () => {
    for await (const event of stream) {
      const change = changeOf(event);
      if (change !== undefined) arrived(change, performance.now());
    }
  })().catch(() => undefined); // seen as changes that never arrive
  return async () => {
    await stream.close();
    await reading;
  };
}

/** A replaced row holds it as it stands, an updated one at the path that was changed. */
function changeOf(event: unknown): number | undefined {
  // As projected above.
  const { fullDocument, updateDescription } = event as {
    fullDocument?: Pick<PatientRow, 'permissions'>;
    updateDescription?: { updatedFields?: Record<string, unknown> };
  };
  const updated = updateDescription?.updatedFields ?? {};
  const whole = (updated['permissions'] as PatientRow['permissions'] | undefined) ?? fullDocument?.permissions; // as the load writes them
  const change = updated['permissions.view.change'] ?? whole?.view?.change;
  return typeof change === 'number' ? change : undefined;
}

const ascending = (one: number, other: number) => one - other;

/** @param sorted ascending */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
