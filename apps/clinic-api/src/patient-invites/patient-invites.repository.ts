import { Inject, Injectable } from '@nestjs/common';
import { assertUserStays, CLINIC_MODELS, type ClinicModels, type PatientInviteDocument } from '@caregate/clinic-model';
import { inTransaction, MONGO } from '@caregate/service';
import type { ClientSession, Connection, QueryFilter, Types } from 'mongoose';
import { ServedClinics } from '../served-clinics.ts';

/** A clinic with more open invites than this sees the newest ones first. */
const SHOWN = 100;

/** An invite as its clinic or its patient calls it. */
export type InviteFilter = { readonly _id: Types.ObjectId } & (
  { readonly clinicId: Types.ObjectId } | { readonly userId: string }
);

@Injectable()
export class PatientInvitesRepository {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly served: ServedClinics,
    @Inject(MONGO) private readonly connection: Connection,
  ) {}

  ofClinic(clinicId: Types.ObjectId): Promise<PatientInviteDocument[]> {
    return this.newest({ clinicId });
  }

  async ofPatient(userId: PatientInviteDocument['userId']): Promise<PatientInviteDocument[]> {
    return this.newest({ userId, ...(await this.served.only()) });
  }

  async get(filter: InviteFilter): Promise<PatientInviteDocument | undefined> {
    return (await this.models.patientInvites.findOne(plain(filter)).lean<PatientInviteDocument>()) ?? undefined;
  }

  /** A second open invite of the same patient to the clinic breaks the unique index `one_each`. */
  async insert(invite: PatientInviteDocument, session: ClientSession): Promise<void> {
    await assertUserStays({ models: this.models, session }, invite.userId);
    await this.models.patientInvites.collection.insertOne(invite, { session });
  }

  /** Says whether the invite was there: of two who answer it at once, one is too late. */
  async remove(filter: InviteFilter, session: ClientSession): Promise<boolean> {
    const { deletedCount } = await this.models.patientInvites.deleteOne(
      { ...plain(filter), ...(await this.served.only()) },
      { session },
    );
    return deletedCount === 1;
  }

  /** As `remove`, and nothing else. */
  removeAlone(filter: InviteFilter): Promise<boolean> {
    return inTransaction(this.connection, (session) => this.remove(filter, session));
  }

  async isPatient(
    clinicId: Types.ObjectId,
    userId: PatientInviteDocument['userId'],
    session: ClientSession,
  ): Promise<boolean> {
    return (await this.models.patients.exists({ clinicId, userId }).session(session)) !== null;
  }

  private newest(filter: QueryFilter<PatientInviteDocument>): Promise<PatientInviteDocument[]> {
    return this.models.patientInvites.find(filter).sort({ _id: -1 }).limit(SHOWN).lean<PatientInviteDocument[]>();
  }
}

/** Either form names fields of an invite; mongoose's type does not take the union. */
const plain = (filter: InviteFilter) => filter as QueryFilter<PatientInviteDocument>;
