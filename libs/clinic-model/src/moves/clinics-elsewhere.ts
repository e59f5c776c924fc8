import type { ClientSession, Connection, Types } from 'mongoose';
import type { AccountDocument, ClinicDocument } from '../documents.ts';
import { type ArrivalDocument, ARRIVALS } from './standing.ts';

/**
 * Clinics whose documents are here and which are not served here: those of accounts that have left, until what they left behind is deleted,
 * and those of accounts on their way here. What gives people rights in them is decided elsewhere, so whatever reads over several clinics
 * leaves them out.
 */
export async function clinicsElsewhere(connection: Connection): Promise<Types.ObjectId[]> {
  const [left, coming] = await Promise.all([
    leftClinics(connection, { 'moved.clinics': { $exists: true }, 'moved.purged': { $ne: true } }),
    arrivingClinics(connection),
  ]);
  return [...left, ...coming];
}

/**
 * Which of these clinics are not served here. A copy of their documents may outlive what was copied, so that clinics of accounts that have
 * left count for as long as anything is known of them.
 */
export async function elsewhereAmong(
  connection: Connection,
  ids: readonly Types.ObjectId[],
  session?: ClientSession,
): Promise<Types.ObjectId[]> {
  if (ids.length === 0) return [];
  const among = { $in: [...ids] };
  const left = await leftClinics(connection, { 'moved.clinics': among }, session);
  const coming = await arrivingClinics(connection, { _id: among }, session);
  return [...left, ...coming];
}

async function leftClinics(connection: Connection, filter: object, session?: ClientSession): Promise<Types.ObjectId[]> {
  const accounts = await connection
    .collection<AccountDocument>('accounts')
    .find(
      { 'moved.moveId': { $exists: true }, ...filter },
      { projection: { 'moved.clinics': 1 }, ...(session && { session }) },
    )
    .toArray();
  return accounts.flatMap(({ moved }) => moved?.clinics ?? []);
}

async function arrivingClinics(
  connection: Connection,
  filter: object = {},
  session?: ClientSession,
): Promise<Types.ObjectId[]> {
  const inSession = session && { session };
  const arriving = await connection
    .collection<ArrivalDocument>(ARRIVALS)
    .find({}, { projection: { _id: 1 }, ...inSession })
    .toArray();
  if (arriving.length === 0) return [];
  const accountIds = arriving.map(({ _id }) => _id as AccountDocument['_id']); // as the directory calls them
  const clinics = await connection
    .collection<ClinicDocument>('clinics')
    .find({ ...filter, accountId: { $in: accountIds } }, { projection: { _id: 1 }, ...inSession })
    .toArray();
  return clinics.map(({ _id }) => _id);
}
