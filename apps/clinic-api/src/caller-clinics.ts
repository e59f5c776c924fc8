import type { Caller } from '@caregate/access';
import { CLINIC_MODELS, type ClinicDocument, type ClinicModels } from '@caregate/clinic-model';
import { Inject, Injectable } from '@nestjs/common';
import type { Types } from 'mongoose';
import { ServedClinics } from './served-clinics.ts';

/** More clinics than anybody works in. */
const MOST_CLINICS = 1_000;

/** The clinics that a caller reaches on this shard: a key those of its account, a user those in which they work, a service none. */
@Injectable()
export class CallerClinics {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly served: ServedClinics,
  ) {}

  async of(caller: Caller): Promise<ClinicDocument[]> {
    if (caller.kind === 'apiKey') {
      const filter = { accountId: caller.accountId, ...(await this.served.only('_id')) };
      return this.models.clinics.find(filter).limit(MOST_CLINICS).lean<ClinicDocument[]>();
    }
    if (caller.kind !== 'user') return [];
    const memberships = await this.models.clinicians
      .find({ userId: caller.userId }, { _id: 0, clinicId: 1 })
      .limit(MOST_CLINICS)
      .lean<{ clinicId: Types.ObjectId }[]>();
    return this.byIds(memberships.map(({ clinicId }) => clinicId));
  }

  async byIds(ids: readonly Types.ObjectId[]): Promise<ClinicDocument[]> {
    return this.models.clinics.find({ _id: { $in: ids }, ...(await this.served.only('_id')) }).lean<ClinicDocument[]>();
  }
}
