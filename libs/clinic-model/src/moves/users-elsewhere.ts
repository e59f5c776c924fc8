import { NotFound, ServiceUnavailable } from '@caregate/service/errors';
import type { UserId } from '@caregate/identity';
import type { ClientSession, Connection, Types } from 'mongoose';
import type { AccountDocument } from '../documents.ts';
import { RECORDS_OF_USERS } from './belongings.ts';
import { elsewhereAmong } from './clinics-elsewhere.ts';
import { ARRIVALS, ARRIVED_USERS } from './standing.ts';

/**
 * Of some users a shard has only a copy: what a move has left behind, until it is deleted, or what one is just bringing. What was done to the
 * copy would be undone. To be asked in the transaction that changes the user, so that no move comes between.
 * @throws {NotFound} when the user has left with the only accounts that named them here
 * @throws {ServiceUnavailable} when the user is on the way here
 */
export async function assertUserLivesHere(
  connection: Connection,
  userId: UserId,
  session: ClientSession,
): Promise<void> {
  if (await isComing(connection, userId, session))
    throw new ServiceUnavailable('the user is just on the way to this shard; try again in a moment');
  const owned = await connection
    .collection<AccountDocument>('accounts')
    .find({ ownerUserId: userId }, { session, projection: { moved: 1 } })
    .toArray();
  const clinicIds: Types.ObjectId[] = [];
  for (const collection of RECORDS_OF_USERS)
    clinicIds.push(...(await connection.collection(collection).distinct('clinicId', { userId }, { session })));
  const left = owned.filter(({ moved }) => moved !== undefined);
  if (left.length < owned.length) return;
  const elsewhere = new Set((await elsewhereAmong(connection, clinicIds, session)).map(String));
  if (clinicIds.some((id) => !elsewhere.has(id.toHexString()))) return;
  if (left.length + clinicIds.length > 0) throw new NotFound('user not found: they live on another shard now');
}

/** The mark that a move has brought a user stays for a while after the account was activated; who is still coming says the arrival. */
async function isComing(connection: Connection, userId: UserId, session: ClientSession): Promise<boolean> {
  const moves = await connection.collection(ARRIVED_USERS).distinct('moveId', { userId }, { session });
  if (moves.length === 0) return false;
  const found = await connection
    .collection(ARRIVALS)
    .findOne({ moveId: { $in: moves } }, { session, projection: { _id: 1 } });
  return found !== null;
}
