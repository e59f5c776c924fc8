import { Inject, Injectable } from '@nestjs/common';
import type { Facts } from '@caregate/access';
import { CLINIC_MODELS, type ClinicianRole, type ClinicModels, isObjectIdText, objectId } from '@caregate/clinic-model';
import { SharedReads } from '../shared-reads.ts';

/** Answers what access decisions ask, each by one indexed read; requests that come at once and ask the same share it. */
@Injectable()
export class ShardFacts implements Facts {
  private readonly roles = new SharedReads<readonly ClinicianRole[]>();

  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  async rolesIn(clinicIdText: string, userId: string): Promise<readonly ClinicianRole[]> {
    if (!isObjectIdText(clinicIdText)) return [];
    const clinicId = objectId(clinicIdText);
    return this.roles.read(`${clinicIdText} ${userId}`, async () => {
      const found = await this.models.clinicians.collection.findOne(
        { clinicId, userId },
        { projection: { _id: 0, roles: 1 } },
      );
      return found?.roles ?? [];
    });
  }

  async accountOfClinic(clinicIdText: string): Promise<string | undefined> {
    if (!isObjectIdText(clinicIdText)) return undefined;
    const _id = objectId(clinicIdText);
    const found = await this.models.clinics.collection.findOne({ _id }, { projection: { _id: 0, accountId: 1 } });
    return found?.accountId;
  }

  async ownerOfAccount(accountId: string): Promise<string | undefined> {
    const found = await this.models.accounts.findById(accountId, { _id: 0, ownerUserId: 1 }).lean();
    return found?.ownerUserId;
  }
}
