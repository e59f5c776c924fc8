import { Inject, Injectable } from '@nestjs/common';
import { type AccountDocument, type AccountId, type ApiKeyDocument, CLINIC_MODELS, type ClinicModels, type Moved } from '@caregate/clinic-model';

const USE_IS_NOTED_EVERY_MS = 60_000;

@Injectable()
export class ApiKeysRepository {
  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  async insert(key: ApiKeyDocument): Promise<void> {
    await this.models.apiKeys.create(key);
  }

  bySecret(secretHash: string): Promise<ApiKeyDocument | null> {
    return this.models.apiKeys.findOne({ secretHash }).lean<ApiKeyDocument>();
  }

  /** Where the account of a key went that is not here any more. */
  async whereMoved(secretHash: string): Promise<Moved | undefined> {
    const filter = { 'moved.keys': secretHash, 'moved.moveId': { $exists: true } };
    return (await this.models.accounts.findOne(filter, { moved: 1 }).lean<Pick<AccountDocument, 'moved'>>())?.moved;
  }

  /** Newest first. */
  ofAccount(accountId: AccountId): Promise<ApiKeyDocument[]> {
    return this.models.apiKeys.find({ accountId }).sort({ createdTime: -1, _id: -1 }).lean<ApiKeyDocument[]>();
  }

  /** Notes a use at most once a minute, so that reading does not mean writing. */
  async noteUse({ _id, lastUsedTime }: ApiKeyDocument): Promise<void> {
    const now = new Date();
    if (lastUsedTime && now.getTime() - lastUsedTime.getTime() < USE_IS_NOTED_EVERY_MS) return;
    await this.models.apiKeys.updateOne({ _id }, { $set: { lastUsedTime: now } });
  }

  replaceSecret(accountId: AccountId, _id: string, secret: Pick<ApiKeyDocument, 'secretHash' | 'last4'>): Promise<ApiKeyDocument | null> {
    return this.models.apiKeys
      .findOneAndUpdate({ _id, accountId, revokedTime: { $exists: false } }, { $set: secret }, { new: true })
      .lean<ApiKeyDocument>();
  }

  async revoke(accountId: AccountId, _id: string): Promise<boolean> {
    const { matchedCount } = await this.models.apiKeys.updateOne(
      { _id, accountId, revokedTime: { $exists: false } },
      { $set: { revokedTime: new Date() } },
    );
    return matchedCount === 1;
  }
}
