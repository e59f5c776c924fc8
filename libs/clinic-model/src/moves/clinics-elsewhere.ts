import type { Connection, Types } from 'mongoose';
import type { AccountDocument, ClinicDocument } from '../documents.ts';
import { type ArrivalDocument, ARRIVALS } from './standing.ts';

/**
 * Clinics whose documents are here and which are not served here: those of accounts that have left, until what they left behind is deleted,
 * and those of accounts on their way here. What gives people rights in them is decided elsewhere, so whatever reads over several clinics
 * leaves them out.
 */
export async function clinicsElsewhere(connection: Connection): Promise<Types.ObjectId[]> {
  const [left, arriving] = await Promise.all([
    connection
      .collection<AccountDocument>('accounts')
      .find(
        { 'moved.moveId': { $exists: true }, 'moved.clinics': { $exists: true }, 'moved.purged': { $ne: true } },
        { projection: { 'moved.clinics': 1 } },
      )
      .toArray(),
    connection
      .collection<ArrivalDocument>(ARRIVALS)
      .find({}, { projection: { _id: 1 } })
      .toArray(),
  ]);
  const leftBehind = left.flatMap(({ moved }) => moved?.clinics ?? []);
  if (arriving.length === 0) return leftBehind;
  const accountIds = arriving.map(({ _id }) => _id as AccountDocument['_id']); // as the directory calls them
  const coming = await connection
    .collection<ClinicDocument>('clinics')
    .find({ accountId: { $in: accountIds } }, { projection: { _id: 1 } })
    .toArray();
  return [...leftBehind, ...coming.map(({ _id }) => _id)];
}
