import { Inject, Injectable } from '@nestjs/common';
import { type Caller, callerName } from '@caregate/access';
import {
  assertUserLivesHere,
  CLINIC_MODELS,
  type ClinicModels,
  removeUserFromClinics,
  stopKeysOf,
  updateUserEmail,
  type UserRecords,
} from '@caregate/clinic-model';
import { IdentityService, type UserId } from '@caregate/identity';
import { MONGO, Unprocessable } from '@caregate/service';
import type { Connection } from 'mongoose';
import { AccountAudit } from '../audit/account-audit.service.ts';
import { concernsAccounts, concernsClinics } from '../audit/concerns.ts';
import { DemoPatient } from '../clinics/demo-patient.ts';

/** What happens to a user's account, as it is told here; the worker hears of it by user events and does the same. */
@Injectable()
export class UsersService {
  private readonly records: UserRecords;

  constructor(
    @Inject(MONGO) connection: Connection,
    @Inject(CLINIC_MODELS) models: ClinicModels,
    { isDemo }: DemoPatient,
    private readonly identity: IdentityService,
    private readonly audit: AccountAudit,
  ) {
    this.records = { connection, models, isDemo };
  }

  /** The account ends here, and with it the API keys that acted for it; the worker hears of it and removes everything else that is theirs. */
  async remove(userId: UserId): Promise<void> {
    await this.tellWhere(userId);
    const { connection, models } = this.records;
    return this.identity.deleteUser(userId, async (session) => {
      await assertUserLivesHere(connection, userId, session);
      await stopKeysOf(models, userId, session);
    });
  }

  /** Without an email the user has none any more: patients lose it, clinicians keep the last. */
  async updateEmail(userId: UserId, email: string | undefined, caller: Caller): Promise<void> {
    await this.tellWhere(userId);
    const { refusedBy } = await updateUserEmail(this.records, userId, email, callerName(caller));
    if (refusedBy.length > 0) {
      throw new Unprocessable(
        `constraint violation: another clinician has this email in clinic ${refusedBy.join(', ')}; all other records have it now`,
      );
    }
  }

  async removeFromClinics(userId: UserId, caller: Caller): Promise<void> {
    await this.tellWhere(userId);
    await removeUserFromClinics(this.records, userId, callerName(caller));
  }

  /** To the audit, before anything is gone. */
  private async tellWhere(userId: UserId): Promise<void> {
    const { clinics, accounts } = await this.audit.placesOf(userId);
    concernsClinics(clinics);
    concernsAccounts(accounts);
  }
}
