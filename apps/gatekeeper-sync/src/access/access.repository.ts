import { Injectable } from '@nestjs/common';
import type { Permissions, UserId } from '@caregate/identity';
import type { Connection } from 'mongoose';
import { ClinicsServedHere } from './clinics-served-here.ts';
import { InjectGatekeeper } from '../gatekeeper-database.ts';
import { type ClinicRows, throughClinics } from './through-clinics.ts';

interface SharingRow {
  readonly sharerId: string;
  readonly userId: string;
  readonly permissions: Permissions;
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
  throughClinics(userId: UserId, granteeId: UserId): Promise<Permissions[]> {
    return throughClinics(this.copies, this.clinics, { userId, granteeId });
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

  private get copies(): ClinicRows {
    return {
      patients: this.connection.collection('patient_permissions'),
      clinicians: this.connection.collection('clinician_permissions'),
    } as unknown as ClinicRows; // what the connectors write there
  }
}
