import { NotFound, ServiceUnavailable } from '@caregate/service/errors';
import { inTransaction } from '@caregate/service/transaction';
import type { UserId } from '@caregate/identity';
import type { ClientSession, Connection } from 'mongoose';
import type { UserEndingDocument } from './documents.ts';
import type { ClinicModels } from './models.ts';

/** Longer than a request or a transaction lasts that has seen the user before the end. */
export const ENDINGS_KEPT_SECONDS = 3_600;

interface UserWrites {
  readonly models: Pick<ClinicModels, 'userEndings'>;
  readonly session: ClientSession;
}

/**
 * In the transaction that makes a user a patient or a member: meets the end of the user's account, so that nothing is left of whom it took.
 * @throws {NotFound} when the user's account has ended
 * @throws {ServiceUnavailable} while it is being ended
 */
export async function assertUserStays({ models, session }: UserWrites, userId: UserId): Promise<void> {
  const before = await models.userEndings.collection.findOneAndUpdate(
    { _id: userId },
    { $inc: { turn: 1 }, $set: { time: new Date() } },
    { upsert: true, session, returnDocument: 'before' },
  );
  const state = (before as UserEndingDocument | null)?.state; // what the collection holds
  if (state === 'ended') throw new NotFound('user not found: the account has ended');
  if (state === 'ending') throw new ServiceUnavailable('the account of this user is just being ended; try again');
}

export interface Ending {
  readonly connection: Connection;
  readonly models: ClinicModels;
  readonly userId: UserId;
}

/** Notes that a user's account has ended: nobody makes them a patient or a member any more. Can be repeated. */
export async function noteUserEnded({ models, userId }: Ending): Promise<void> {
  await models.userEndings.collection.updateOne(
    { _id: userId },
    { $set: { state: 'ended', time: new Date() }, $inc: { turn: 1 } },
    { upsert: true },
  );
}

/** Holds back who would make the user a patient or a member, unless the user is one or owns an account; says whether it does. Can be repeated. */
export function beginUserEnding({ connection, models, userId }: Ending): Promise<boolean> {
  return inTransaction(connection, async (session) => {
    const set = { $set: { state: 'ending', time: new Date() } as const, $inc: { turn: 1 } };
    await models.userEndings.collection.updateOne({ _id: userId }, set, { upsert: true, session });
    const needed = await isNeeded(models, userId, session);
    if (needed) await models.userEndings.collection.deleteOne({ _id: userId }, { session });
    return !needed;
  });
}

/** Lets the user be made a patient or a member again. */
export async function takeBackUserEnding({ models, userId }: Ending): Promise<void> {
  await models.userEndings.collection.deleteOne({ _id: userId, state: 'ending' });
}

async function isNeeded(models: ClinicModels, userId: UserId, session: ClientSession): Promise<boolean> {
  const { patients, clinicians, patientInvites, migrations } = models;
  for (const found of [
    await patients.exists({ userId }).session(session),
    await clinicians.exists({ userId }).session(session),
    await patientInvites.exists({ userId }).session(session),
    await migrations.exists({ userId }).session(session),
    await models.accounts.exists({ ownerUserId: userId }).session(session),
  ])
    if (found) return true;
  return false;
}
