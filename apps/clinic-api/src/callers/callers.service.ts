import type { Caller } from '@caregate/access';
import { type AccountDocument, CLINIC_MODELS, type ClinicDocument, type ClinicModels } from '@caregate/clinic-model';
import { CONFIG } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { ClinicApiConfig } from '../config.ts';
import { ServedClinics } from '../served-clinics.ts';

/** More clinics than anybody works in. */
const MOST = 1_000;

/** What a caller may learn of themselves who has nothing but a key or a session. */
@Injectable()
export class CallersService {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
    private readonly served: ServedClinics,
  ) {}

  async describe(caller: Caller) {
    const shard = this.config.SHARD_ID;
    if (caller.kind === 'apiKey') {
      const { keyId, accountId } = caller;
      const [accounts, clinics] = await Promise.all([this.accounts({ _id: accountId }), this.clinics({ accountId })]);
      return { kind: 'apiKey', shard, keyId, accounts, clinics };
    }
    if (caller.kind !== 'user') return { kind: 'service', shard, accounts: [], clinics: [] };
    const { userId } = caller;
    const memberships = this.models.clinicians
      .find({ userId }, { clinicId: 1 })
      .limit(MOST)
      .lean<{ clinicId: object }[]>();
    const [accounts, clinics] = await Promise.all([
      this.accounts({ ownerUserId: userId, 'moved.moveId': { $exists: false } }),
      memberships.then((found) => this.clinics({ _id: { $in: found.map(({ clinicId }) => clinicId) } })),
    ]);
    return { kind: 'user', shard, userId, accounts, clinics };
  }

  private async accounts(which: object) {
    const found = await this.models.accounts.find(which).sort({ createdTime: 1 }).limit(MOST).lean<AccountDocument[]>();
    return found.map(({ _id, subdomain, name }) => ({ id: _id, subdomain, name }));
  }

  private async clinics(which: object) {
    const served = { $and: [which, await this.served.only('_id')] };
    const found = await this.models.clinics
      .find(served, { name: 1 })
      .sort({ _id: 1 })
      .limit(MOST)
      .lean<ClinicDocument[]>();
    return found.map(({ _id, name = '' }) => ({ id: _id.toHexString(), name }));
  }
}
