import { Inject, Injectable } from '@nestjs/common';
import type { UserId } from '@caregate/identity';
import { type AccountDocument, type AccountId, CLINIC_MODELS, type ClinicModels } from '@caregate/clinic-model';

@Injectable()
export class AccountsRepository {
  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  byId(_id: AccountId): Promise<AccountDocument | null> {
    return this.models.accounts.findOne({ _id }).lean<AccountDocument>();
  }

  bySubdomain(subdomain: string): Promise<AccountDocument | null> {
    return this.models.accounts.findOne({ subdomain }).lean<AccountDocument>();
  }

  /** The account that a user owns; the oldest, should there be several. */
  async ownedBy(ownerUserId: UserId): Promise<AccountDocument | null> {
    return (await this.allOwnedBy(ownerUserId, 1))[0] ?? null;
  }

  /** The accounts of this shard that a user owns, up to so many, the oldest first. */
  allOwnedBy(ownerUserId: UserId, most: number): Promise<AccountDocument[]> {
    return this.models.accounts
      .find({ ownerUserId, 'moved.moveId': { $exists: false } })
      .sort({ createdTime: 1 })
      .limit(most)
      .lean<AccountDocument[]>();
  }

  /** A user whom a clinic made and never wrote a patient for is nobody's to take any more. */
  async forgetUnused(userId: UserId): Promise<void> {
    await this.models.unusedAccounts.deleteOne({ _id: userId });
  }

  async put(account: Pick<AccountDocument, '_id' | 'subdomain' | 'name' | 'ownerUserId'>): Promise<AccountDocument> {
    const { _id, ...fields } = account;
    const now = new Date();
    return this.models.accounts
      .findOneAndUpdate(
        { _id },
        { $set: { ...fields, updatedTime: now }, $setOnInsert: { createdTime: now }, $unset: { ownerDeletedTime: 1 } },
        { upsert: true, new: true },
      )
      .lean<AccountDocument>()
      .orFail();
  }
}
