import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicModels,
  type PatientWrites,
  type UnusedAccountDocument,
  type UserId,
} from '@caregate/clinic-model';
import { IdentityService, SignsInWithEmail } from '@caregate/identity';
import { Conflict, inTransactionAlone, MONGO } from '@caregate/service';
import type { Connection, Types } from 'mongoose';

/**
 * User accounts that clinics make for their patients.
 *
 * The account is at the identity service and the patient in our database, and no transaction spans both: when the patient can not be
 * written after all, the account is there without one. An account without an email harms nobody. One with an email would make every
 * further attempt fail, since the email is taken; so such an account is noted until its patient is written, and the next attempt of the
 * same clinic with that email takes the noted account.
 */
@Injectable()
export class CustodialAccounts {
  constructor(
    private readonly identity: IdentityService,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(MONGO) private readonly connection: Connection,
  ) {}

  /** @throws {Conflict} when the email belongs to somebody else */
  async create(clinicId: Types.ObjectId, { email, fullName }: { email?: string; fullName: string }): Promise<UserId> {
    try {
      const { userId } = await this.identity.createCustodialUser(clinicId.toHexString(), {
        ...(email !== undefined && { email }),
        fullName,
      });
      if (email !== undefined) await this.noteUnused({ _id: userId, clinicId, email, createdTime: new Date() });
      return userId;
    } catch (error) {
      if (!(error instanceof Conflict) || email === undefined) throw error;
      const unused = await this.models.unusedAccounts
        .findOne({ clinicId, email, endingTime: { $exists: false } })
        .lean<{ _id: UserId }>();
      if (!unused) throw new Conflict('duplicate: email address is already taken');
      return unused._id;
    }
  }

  private noteUnused(unused: UnusedAccountDocument): Promise<unknown> {
    return inTransactionAlone(this.connection, (session) => this.models.unusedAccounts.create([unused], { session }));
  }

  /**
   * In the transaction that writes the patient: from now on the account is in use.
   * @throws {Conflict} when it has been taken meanwhile, or is being ended as nobody took it for long
   */
  async use({ session }: PatientWrites, userId: UserId): Promise<void> {
    const { deletedCount } = await this.models.unusedAccounts.deleteOne(
      { _id: userId, endingTime: { $exists: false } },
      { session },
    );
    if (deletedCount === 0) throw new Conflict('duplicate: email address is already taken');
  }

  /**
   * Without an email the account loses the one that it had, and another may have it.
   * @throws {Conflict} when the email belongs to somebody else, or the patient signs in with the one that is to go
   */
  async setEmail(userId: UserId, email: string | undefined): Promise<void> {
    try {
      await (email === undefined
        ? this.identity.removeEmail(userId)
        : this.identity.changeCustodialEmail(userId, email));
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      const reason = error instanceof SignsInWithEmail ? error.message : 'duplicate: email address is already taken';
      throw new Conflict(`unable to update custodial user: ${reason}`);
    }
  }
}
