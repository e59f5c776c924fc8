import { Injectable } from '@nestjs/common';
import type { Permissions, UserId } from '@caregate/identity';
import type { Connection, mongo } from 'mongoose';
import { ClinicsServedHere } from './clinics-served-here.ts';
import { InjectGatekeeper } from '../gatekeeper-database.ts';

interface SharingRow {
  readonly sharerId: string;
  readonly userId: string;
  readonly permissions: Permissions;
}

interface PatientRow {
  readonly _id: mongo.ObjectId;
  readonly userId: string;
  readonly clinicId: mongo.ObjectId;
  readonly permissions: Permissions;
}

interface ClinicianRow {
  readonly _id: mongo.ObjectId;
  readonly userId?: string;
  readonly clinicId: mongo.ObjectId;
}

/** Rows of the gatekeeper database. Clinic ids are texts outside of here. Indexes: `gatekeeper-database.ts`. */
@Injectable()
export class AccessRepository {
  constructor(
    @InjectGatekeeper() private readonly connection: Connection,
    private readonly clinics: ClinicsServedHere,
  ) {}

  /** What one user shares directly with another: one set or none. Index `by_sharer`. */
  async shared(userId: UserId, granteeId: UserId): Promise<Permissions[]> {
    const row = await this.sharing.findOne({ sharerId: userId, userId: granteeId });
    return row ? [row.permissions] : [];
  }

  /** What each clinic has that the patient shares with and the grantee works in. Indexes `by_patient`, `by_clinician`. */
  async throughClinics(userId: UserId, granteeId: UserId): Promise<Permissions[]> {
    const rows = await this.clinics.only(await this.patients.find({ userId }).toArray());
    if (rows.length === 0) return [];
    const clinicIds = rows.map(({ clinicId }) => clinicId);
    const workplaces = await this.clinicians.find({ userId: granteeId, clinicId: { $in: clinicIds } }).toArray();
    const worksIn = new Set(workplaces.map(({ clinicId }) => clinicId.toHexString()));
    return rows
      .filter(({ clinicId }) => worksIn.has(clinicId.toHexString()))
      .map(({ permissions }) => permissions ?? {});
  }

  /** With whom the user shares directly. Index `by_sharer`. */
  async sharedBy(userId: UserId): Promise<{ userId: string; permissions: Permissions }[]> {
    return this.sharing.find({ sharerId: userId }).toArray();
  }

  /** Who shares directly with the user. Index `by_grantee`. */
  async sharedWith(userId: UserId): Promise<{ userId: string; permissions: Permissions }[]> {
    const rows = await this.sharing.find({ userId }).toArray();
    return rows.map(({ sharerId, permissions }) => ({ userId: sharerId, permissions }));
  }

  private get sharing() {
    return this.connection.collection<SharingRow>('perms');
  }

  private get patients() {
    return this.connection.collection<PatientRow>('patient_permissions');
  }

  private get clinicians() {
    return this.connection.collection<ClinicianRow>('clinician_permissions');
  }
}
