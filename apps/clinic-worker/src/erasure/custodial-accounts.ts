import {
  beginUserEnding,
  CLINIC_MODELS,
  type ClinicModels,
  noteUserEnded,
  takeBackUserEnding,
} from '@caregate/clinic-model';
import { IdentityService, type UserId } from '@caregate/identity';
import { MONGO } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';

/** User accounts that clinics made for patients and that no clinic needs any more. */
@Injectable()
export class CustodialAccounts {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly identity: IdentityService,
  ) {}

  /**
   * Ends the account, unless somebody needs it; says what became of it. Can be repeated.
   * Whoever adds the user to a clinic at this moment comes first, or finds no such user, or is told to try again.
   */
  async end(userId: UserId, user: { readonly hasData: boolean }): Promise<string> {
    const ending = { connection: this.connection, models: this.models, userId };
    if (!(await beginUserEnding(ending))) return 'a clinic or account needs the user';
    // Should the identity service be away now, the user is held back until the next attempt, or for an hour.
    const end = await this.identity.endCustodialUser(userId, user);
    await (end === 'ended' || end === 'unknown' ? noteUserEnded(ending) : takeBackUserEnding(ending));
    return end;
  }
}
