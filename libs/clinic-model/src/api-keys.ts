import type { UserId } from '@caregate/identity';
import type { ClientSession } from 'mongoose';
import type { ClinicModels } from './models.ts';

const WORKS = { stoppedTime: { $exists: false } };

/**
 * Stops for good the API keys that a deleted user made, and all keys of the accounts that they owned. Can be repeated.
 * In the transaction that deletes the user the keys are refused from the next request on, on every copy of the API.
 */
export async function stopKeysOf(
  { accounts, apiKeys }: Pick<ClinicModels, 'accounts' | 'apiKeys'>,
  userId: UserId,
  session: ClientSession,
): Promise<void> {
  const stoppedTime = new Date();
  const owned = await accounts.find({ ownerUserId: userId }, { _id: 1 }).session(session).lean();
  if (owned.length > 0) {
    const accountId = { $in: owned.map(({ _id }) => _id) };
    await accounts.updateMany(
      { _id: accountId, ownerDeletedTime: { $exists: false } },
      { $set: { ownerDeletedTime: stoppedTime }, $inc: { turn: 1 } },
      { session },
    );
    await apiKeys.updateMany({ accountId, ...WORKS }, { $set: { stoppedTime, stoppedBy: 'owner' } }, { session });
  }
  await apiKeys.updateMany({ createdBy: userId, ...WORKS }, { $set: { stoppedTime, stoppedBy: 'maker' } }, { session });
}
