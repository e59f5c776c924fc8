import { Inject, Injectable } from '@nestjs/common';
import { type AccountId, CLINIC_MODELS, type ClinicModels, type SignUpDocument } from '@caregate/clinic-model';
import { isDuplicateKey } from '@caregate/service';

/** Long enough for somebody who reads their mail once a day; a subdomain is not kept from others for longer. */
const OPEN_MS = 48 * 3_600_000;

/** Accounts that nobody has confirmed yet. MongoDB deletes what has expired within a minute; until then it is passed over here. */
@Injectable()
export class SignUpsRepository {
  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  open(_id: AccountId): Promise<SignUpDocument | null> {
    return this.models.signUps.findOne({ _id, expiresTime: { $gt: new Date() } }).lean<SignUpDocument>();
  }

  /** Can be repeated, which prolongs nothing. Undefined when another sign-up has the subdomain. */
  async put({
    _id,
    ...fields
  }: Omit<SignUpDocument, 'createdTime' | 'expiresTime'>): Promise<SignUpDocument | undefined> {
    const createdTime = new Date();
    const expiresTime = new Date(createdTime.getTime() + OPEN_MS);
    const { subdomain } = fields;
    await this.models.signUps.deleteMany({ $or: [{ _id }, { subdomain }], expiresTime: { $lte: createdTime } });
    try {
      return await this.models.signUps
        .findOneAndUpdate(
          { _id },
          { $set: fields, $setOnInsert: { createdTime, expiresTime } },
          { upsert: true, returnDocument: 'after' },
        )
        .lean<SignUpDocument>()
        .orFail();
    } catch (error) {
      if (isDuplicateKey(error)) return undefined;
      throw error;
    }
  }

  async remove(_id: AccountId): Promise<void> {
    await this.models.signUps.deleteOne({ _id });
  }
}
