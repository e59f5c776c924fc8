import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicianDocument, type ClinicModels } from '@caregate/clinic-model';
import { inTransaction, MONGO } from '@caregate/service';
import type { Connection, Types } from 'mongoose';
import { ServedClinics } from '../served-clinics.ts';

// A person with more open invites than this sees the newest ones first.
const SHOWN = 100;

@Injectable()
export class ClinicianInvitesRepository {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly served: ServedClinics,
    @Inject(MONGO) private readonly connection: Connection,
  ) {}

  /** The open invites to an email, in all clinics, newest first. */
  async to(email: string): Promise<ClinicianDocument[]> {
    return this.models.clinicians
      .find({ email, inviteId: { $exists: true }, ...(await this.served.only()) })
      .sort({ createdTime: -1, _id: -1 })
      .limit(SHOWN)
      .lean<ClinicianDocument[]>();
  }

  noteSending(_id: Types.ObjectId, inviteSentTime: Date): Promise<ClinicianDocument | null> {
    return inTransaction(this.connection, (session) =>
      this.models.clinicians
        .findOneAndUpdate(
          { _id, inviteId: { $exists: true } },
          { $set: { inviteSentTime, updatedTime: inviteSentTime } },
          { returnDocument: 'after', session },
        )
        .lean<ClinicianDocument>(),
    );
  }
}
