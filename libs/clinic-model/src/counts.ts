import { type ClientSession, mongo, type Types } from 'mongoose';
import { randomInt } from 'node:crypto';
import { isDuplicateKey } from '@caregate/service/transaction';
import type { ClinicCountsDocument, ClinicDocument, PatientDocument } from './documents.ts';
import { newObjectId } from './ids.ts';
import type { ClinicModels } from './models.ts';

/** A clinic's figures (behaviour, "Clinics", Patient count). */
export interface ClinicCounts {
  readonly total: number;
  readonly demo: number;
  /** Without the demo patient and without patients of the data source `twiist`. */
  readonly plan: number;
  readonly tags: Readonly<Record<string, number>>;
  readonly sites: Readonly<Record<string, number>>;
  readonly providers: Readonly<
    Record<string, { readonly total: number; readonly states: Readonly<Record<string, number>> }>
  >;
}

/** So many small documents share a clinic's counts, so that parallel writers seldom meet (design, decision 3). */
export const STRIPES = 32;
const PROVIDER_OUTSIDE_PLAN = 'twiist';

type Counted = Pick<PatientDocument, 'userId' | 'tags' | 'sites' | 'dataSources'>;

/**
 * What a change of one patient adds to its clinic's counts, as paths and numbers for `$inc`.
 * `before` is undefined for a new patient, `after` for one that goes.
 */
export function countsDelta(
  before: Counted | undefined,
  after: Counted | undefined,
  isDemo: (userId: string) => boolean,
): Record<string, number> {
  const delta: Record<string, number> = {};
  const add = (paths: readonly string[], by: 1 | -1) => {
    for (const path of paths) delta[path] = (delta[path] ?? 0) + by;
  };
  if (before) add(countedPaths(before, isDemo), -1);
  if (after) add(countedPaths(after, isDemo), 1);
  return Object.fromEntries(Object.entries(delta).filter(([, by]) => by !== 0));
}

function countedPaths(patient: Counted, isDemo: (userId: string) => boolean): string[] {
  const demo = isDemo(patient.userId);
  const sources = patient.dataSources ?? [];
  const inPlan = !demo && !sources.some((source) => source.providerName === PROVIDER_OUTSIDE_PLAN);
  const providers = new Set(sources.map((source) => source.providerName));
  const states = new Set(
    sources.map((source) => `${pathSegment(source.providerName)}.states.${pathSegment(source.state)}`),
  );
  return [
    'total',
    ...(demo ? ['demo'] : []),
    ...(inPlan ? ['plan'] : []),
    ...new Set(patient.tags.map((tag) => `tags.${tag.toHexString()}`)),
    ...new Set(patient.sites.map((site) => `sites.${site._id.toHexString()}`)),
    ...[...providers].map((provider) => `providers.${pathSegment(provider)}.total`),
    ...[...states].map((state) => `providers.${state}`),
  ];
}

// A provider's name is free text, and a dot or dollar in a path would mean something else to MongoDB.
// The database keeps half a character as a sign for an unreadable one.
const pathSegment = (name: string) =>
  encodeURIComponent(name.toWellFormed()).replaceAll('.', '%2E').replaceAll('$', '%24');
const fromPathSegment = (segment: string) => decodeURIComponent(segment);

/** A stripe that is to wait does not fit, so that it is not touched: even a write that is taken back would be in the way. */
const fits = (clinicId: Types.ObjectId, stripe: number) => ({
  // The driver's type for native collections knows ObjectIds only; ours has a text as its key.
  _id: stripeId(clinicId, stripe) as never,
  waitUntil: { $not: { $gt: new Date() } },
});

/** Where something is counted: any stripe will do. */
export interface CountedOn {
  readonly stripe?: number;
  /** As the transaction reads it of the clinic. */
  readonly held?: Types.ObjectId | undefined;
}

/**
 * What adds to a clinic's counts, to be written with the sheets: both are in one collection, so that one command can do it. Whoever writes
 * it gives way when it breaks a unique key: then the stripe is there and is to wait, or another transaction is just making it.
 */
export function countUpdate(
  clinicId: Types.ObjectId,
  delta: Record<string, number>,
  { stripe = nextStripe(), held }: CountedOn = {},
): mongo.AnyBulkWriteOperation[] {
  if (Object.keys(delta).length === 0) return [];
  const update = { $inc: delta, $setOnInsert: { clinicId }, ...(held && { $set: { held } }) };
  return [{ updateOne: { filter: fits(clinicId, stripe), update, upsert: true } }];
}

/** Adds to a clinic's counts in the transaction that changes its patients. An empty delta costs nothing. */
export async function addToCounts(
  models: Pick<ClinicModels, 'sheets'>,
  session: ClientSession,
  clinicId: Types.ObjectId,
  delta: Record<string, number>,
): Promise<void> {
  await writeGivingWay(models, session, countUpdate(clinicId, delta));
}

/**
 * Writes counts and sheets in the order given; gives way when another transaction is just making the same, or the counts are to wait.
 * Gives how many were there or have been made.
 */
export async function writeGivingWay(
  { sheets }: Pick<ClinicModels, 'sheets'>,
  session: ClientSession,
  updates: readonly mongo.AnyBulkWriteOperation[],
): Promise<number> {
  if (updates.length === 0) return 0;
  try {
    return updates.length <= FEW ? await writeFew(sheets, session, updates) : await writeMany(sheets, session, updates);
  } catch (error) {
    if (isDuplicateKey(error)) throw giveWay();
    throw error;
  }
}

/** One patient's counts and sheet. */
const FEW = 2;

/** The driver's own way to write several takes it twice as long: it measures each of them, to split what is too long for one command. */
async function writeFew(
  { db: { db: database }, collection: { collectionName } }: ClinicModels['sheets'],
  session: ClientSession,
  operations: readonly mongo.AnyBulkWriteOperation[],
): Promise<number> {
  const updates = operations.map((operation) => {
    if (!('updateOne' in operation)) throw new Error('counts and sheets are only updated');
    const { filter, update, upsert = false } = operation.updateOne;
    return { q: filter, u: update, upsert };
  });
  if (!database) throw new Error('there is no connection to the database');
  const { n, writeErrors = [] } = await database.command({ update: collectionName, updates }, { session });
  const [failure] = writeErrors as mongo.Document[]; // as the server's reference has it
  if (failure) throw new mongo.MongoServerError(failure);
  return Number(n);
}

async function writeMany(
  { collection }: ClinicModels['sheets'],
  session: ClientSession,
  updates: readonly mongo.AnyBulkWriteOperation[],
): Promise<number> {
  const { matchedCount, upsertedCount } = await collection.bulkWrite([...updates], { session });
  return matchedCount + upsertedCount;
}

/** What tells whether a clinic is still as it was read, see `holdPatientWrites`. */
export type KnownClinic = Pick<ClinicDocument, '_id' | 'patientsHeld'>;

/** As `countUpdate`, for a writer who read the clinic before the transaction: touches nothing when that is not sure to be still true. */
export function countUpdateAsKnown(
  { _id, patientsHeld }: KnownClinic,
  delta: Record<string, number>,
  stripe: number,
): mongo.AnyBulkWriteOperation {
  const filter = { ...fits(_id, stripe), held: patientsHeld ?? null }; // `null` stands for what is not there
  return { updateOne: { filter, update: { $inc: delta } } };
}

/**
 * Keeps out every other transaction that adds, removes or regroups patients of the clinic, until this one ends: one of two that meet
 * is repeated and then sees what the other did. For what must reach all patients of a clinic, such as the deletion of a site:
 * without it a patient could be added in the meantime with the site that is just going.
 * A writer who read the clinic before sees by `held` that it may have changed since.
 * When it does not get through, ask the others to wait before trying again (`askPatientWritesToWait`).
 */
export async function holdPatientWrites(
  models: Pick<ClinicModels, 'clinicCounts' | 'clinics'>,
  session: ClientSession,
  clinicId: Types.ObjectId,
): Promise<void> {
  const held = newObjectId();
  const stripes = Array.from({ length: STRIPES }, (_, stripe) => ({
    updateOne: {
      filter: { _id: stripeId(clinicId, stripe) as never }, // as in `addToCounts`
      update: { $inc: { turn: 1 }, $set: { held }, $setOnInsert: { clinicId }, $unset: { waitUntil: 1 } },
      upsert: true,
    },
  }));
  await models.clinicCounts.collection.bulkWrite(stripes, { session });
  await models.clinics.collection.updateOne({ _id: clinicId }, { $set: { patientsHeld: held } }, { session });
}

const LONGEST_WAIT_MS = 2_000;
const ASK_AGAIN_MS = 1_000;

/**
 * Asks transactions that write patients of the clinic to give way for at most two seconds, so that one that wants to hold them all
 * out comes through however many they are; they are repeated by the driver. Outside of any transaction.
 * The one that comes through ends the waiting.
 */
export async function askPatientWritesToWait(
  models: Pick<ClinicModels, 'clinicCounts'>,
  clinicId: Types.ObjectId,
): Promise<void> {
  const now = Date.now();
  // Stripes that wait already are not touched: it would only disturb another that is about to come through.
  const notWaiting = { ...stripesOf(clinicId), waitUntil: { $not: { $gt: new Date(now + ASK_AGAIN_MS) } } };
  const change = { $set: { waitUntil: new Date(now + LONGEST_WAIT_MS) } };
  await models.clinicCounts.collection.updateMany(notWaiting, change);
}

/** For a transaction that writes patients before it counts them: waits now when it is asked to. */
export async function waitIfAsked(
  models: Pick<ClinicModels, 'clinicCounts'>,
  session: ClientSession,
  clinicId: Types.ObjectId,
): Promise<void> {
  const asked = { ...stripesOf(clinicId), waitUntil: { $gt: new Date() } };
  if (await models.clinicCounts.collection.findOne(asked, { session, projection: { _id: 1 } })) throw giveWay();
}

/** Takes that back, when nothing came of it. */
export async function letPatientWritesGoOn(
  models: Pick<ClinicModels, 'clinicCounts'>,
  clinicId: Types.ObjectId,
): Promise<void> {
  await models.clinicCounts.collection.updateMany(
    { ...stripesOf(clinicId), waitUntil: { $exists: true } },
    { $unset: { waitUntil: 1 } },
  );
}

/** What the driver repeats a transaction for. */
export function giveWay(): Error {
  const error = new mongo.MongoError('another transaction writes the same');
  error.addErrorLabel('TransientTransactionError');
  return error;
}

// In turn rather than by lot: of transactions that run at once in this process no two then take the same stripe and repeat each other.
let turn = randomInt(STRIPES);
export const nextStripe = () => (turn = (turn + 1) % STRIPES);

export const stripeId = (clinicId: Types.ObjectId, stripe: number) => `${clinicId.toHexString()}:counts:${stripe}`;

/** The stripes of a clinic. */
export const stripesOf = (clinicId: Types.ObjectId) => ({
  // As in `fits`.
  _id: { $gte: `${clinicId.toHexString()}:counts:`, $lt: `${clinicId.toHexString()}:counts;` } as never,
});

/** Sums a clinic's stripes. */
export function sumCounts(stripes: readonly Omit<ClinicCountsDocument, '_id' | 'clinicId'>[]): ClinicCounts {
  const tags: Record<string, number> = {};
  const sites: Record<string, number> = {};
  const providers: Record<string, { total: number; states: Record<string, number> }> = {};
  const sum = { total: 0, demo: 0, plan: 0 };
  const addAll = (into: Record<string, number>, from: Readonly<Record<string, number>> = {}) => {
    for (const [key, by] of Object.entries(from)) into[key] = (into[key] ?? 0) + by;
  };
  for (const stripe of stripes) {
    for (const figure of ['total', 'demo', 'plan'] as const) sum[figure] += stripe[figure] ?? 0;
    addAll(tags, stripe.tags);
    addAll(sites, stripe.sites);
    for (const [segment, { total = 0, states = {} }] of Object.entries(stripe.providers ?? {})) {
      const provider = (providers[fromPathSegment(segment)] ??= { total: 0, states: {} });
      provider.total += total;
      for (const [state, by] of Object.entries(states)) {
        provider.states[fromPathSegment(state)] = (provider.states[fromPathSegment(state)] ?? 0) + by;
      }
    }
  }
  return { ...sum, tags, sites, providers };
}

/** Reads a clinic's counts: at most `STRIPES` small documents, however big the clinic is. */
export async function readCounts(
  models: Pick<ClinicModels, 'clinicCounts'>,
  clinicId: Types.ObjectId,
  session: ClientSession | null = null,
): Promise<ClinicCounts> {
  const found = models.clinicCounts.collection.find(stripesOf(clinicId), session ? { session } : {});
  return sumCounts((await found.toArray()) as unknown as ClinicCountsDocument[]); // what stripes are
}
