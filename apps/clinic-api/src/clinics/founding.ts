import { Inject, Injectable } from '@nestjs/common';
import {
  type AccountId,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicModels,
  insertClinician,
  insertPatient,
  newObjectId,
  knownEmail,
  knownName,
} from '@caregate/clinic-model';
import { IdentityService, type UserId } from '@caregate/identity';
import { inTransaction, MONGO, NotFound } from '@caregate/service';
import type { Connection } from 'mongoose';
import { ClinicsRepository } from './clinics.repository.ts';
import { DemoPatient } from './demo-patient.ts';
import { ShareCodes } from './share-codes.ts';
import { DEFAULT_TIER } from './tiers.ts';

/** What a clinic tells about itself. */
export type ClinicProfile = Pick<ClinicDocument, 'name' | 'preferredBgUnits'> &
  Partial<
    Pick<
      ClinicDocument,
      | 'address'
      | 'city'
      | 'postalCode'
      | 'state'
      | 'country'
      | 'phoneNumbers'
      | 'clinicType'
      | 'clinicSize'
      | 'website'
      | 'timezone'
    >
  >;

export interface Founding {
  readonly profile: ClinicProfile;
  readonly creator: UserId;
  readonly accountId?: AccountId;
  /** False only for a legacy clinic, whose patients are still to be migrated. */
  readonly isMigrated: boolean;
}

/** Makes clinics: the clinic, its creator as first admin and the demo patient come together or not at all. */
@Injectable()
export class ClinicFounding {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(IdentityService) private readonly identity: IdentityService,
    @Inject(ClinicsRepository) private readonly clinics: ClinicsRepository,
    @Inject(DemoPatient) private readonly demoPatient: DemoPatient,
    @Inject(ShareCodes) private readonly shareCodes: ShareCodes,
  ) {}

  /** @throws {NotFound} when the creator has no user account */
  async found(founding: Founding): Promise<ClinicDocument> {
    const { creator } = founding;
    const [user, profile, demo] = await Promise.all([
      this.identity.findUser(creator),
      this.identity.profile(creator),
      this.demoPatient.draft(),
    ]);
    if (!user) throw new NotFound('the creator of the clinic has no user account: not found');
    const [email, name] = [knownEmail(user.email), knownName(profile?.fullName)];
    return this.shareCodes.withFreshCode((shareCode) =>
      inTransaction(this.connection, async (session) => {
        const clinic = newClinic(founding, shareCode);
        await this.clinics.insert(clinic, session);
        await insertClinician(
          { models: this.models, session },
          {
            _id: newObjectId(),
            clinicId: clinic._id,
            userId: creator,
            ...(email !== undefined && { email }),
            ...(name !== undefined && { name }),
            roles: ['CLINIC_ADMIN'],
            rolesUpdates: [],
            createdTime: clinic.createdTime,
            updatedTime: clinic.createdTime,
          },
        );
        if (demo) {
          const writes = { models: this.models, session, isDemo: this.demoPatient.isDemo };
          await insertPatient(writes, this.demoPatient.of(clinic._id, demo));
        }
        return clinic;
      }),
    );
  }
}

function newClinic({ profile, creator, accountId, isMigrated }: Founding, shareCode: string): ClinicDocument {
  const now = new Date();
  return {
    _id: newObjectId(),
    ...(accountId !== undefined && { accountId }),
    ...profile,
    shareCodes: [shareCode],
    canonicalShareCode: shareCode,
    tier: DEFAULT_TIER,
    isMigrated,
    // From the beginning, so that the event of the insertion already tells who is to be welcomed.
    admins: [creator],
    patientTags: [],
    sites: [],
    createdTime: now,
    updatedTime: now,
  };
}
