import { Injectable } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import { type MigrationDocument, type MigrationStatus, newObjectId, takeTurn } from '@caregate/clinic-model';
import { IdentityService, isUserId, type UserId } from '@caregate/identity';
import { NotFound, Unprocessable } from '@caregate/service';
import type { Types } from 'mongoose';
import { assertOpen, noClinician } from '../clinicians/clinician-rules.ts';
import { CliniciansRepository } from '../clinicians/clinicians.repository.ts';
import { ClinicViews } from '../clinics/clinic-views.ts';
import { ClinicsRepository, idOf } from '../clinics/clinics.repository.ts';
import { ClinicFounding } from '../clinics/founding.ts';
import { MailLimits } from '../mail-limits/mail-limits.service.ts';
import { assertCanMigrate, LEGACY_CLINIC_ROLE } from './migration-rules.ts';
import { MigrationsRepository } from './migrations.repository.ts';

const DEFAULT_BG_UNITS = 'mg/dL';

/**
 * Moves of a legacy clinic account into a clinic, as far as clients ask for them: the document that is written here
 * is all that the worker needs to carry one out (behaviour, "Change events and the worker").
 */
@Injectable()
export class MigrationsService {
  constructor(
    private readonly migrations: MigrationsRepository,
    private readonly clinicians: CliniciansRepository,
    private readonly clinics: ClinicsRepository,
    private readonly clinicViews: ClinicViews,
    private readonly founding: ClinicFounding,
    private readonly identity: IdentityService,
    private readonly limits: MailLimits,
  ) {}

  /** Makes a clinic, without a name yet, for a legacy clinic account. */
  async enable(userId: UserId) {
    await this.assertLegacyClinic(userId);
    const profile = { name: '', preferredBgUnits: DEFAULT_BG_UNITS };
    return this.clinicViews.one(await this.founding.found({ profile, creator: userId, isMigrated: false }));
  }

  /** @throws {Unprocessable} when the clinic has migrated already, or its profile is not complete */
  async trigger(clinicId: string, attested: boolean, caller: Caller) {
    const userId = assertCanMigrate(await this.clinics.get(clinicId));
    await this.assertLegacyClinic(userId);
    await this.limits.count('TriggerInitialMigration', { caller, clinicId });
    return this.migrations.change(async (writes) => {
      const clinic = await takeTurn(writes, idOf(clinicId));
      if (!clinic) throw new NotFound('clinic not found');
      if (assertCanMigrate(clinic) !== userId)
        throw new Unprocessable('constraint violation: the admin of the clinic has changed just now; try again');
      const migration = newMigration(clinic._id, userId, attested);
      await this.migrations.insert(migration, writes.session);
      await this.clinics.update(clinicId, { $set: { isMigrated: true } }, writes.session);
      return view(migration);
    });
  }

  /** One more legacy account, whose owner is a clinician of the clinic. */
  migrate(clinicId: string, userId: string) {
    return this.migrations.change(async (writes) => {
      const { _id } = assertOpen(await takeTurn(writes, idOf(clinicId)));
      if (!isUserId(userId) || !(await this.clinicians.member(_id, userId, writes.session))) throw noClinician();
      const migration = newMigration(_id, userId);
      await this.migrations.insert(migration, writes.session);
      return view(migration);
    });
  }

  async list(clinicId: string) {
    return (await this.migrations.ofClinic(clinicId)).map(view);
  }

  async get(clinicId: string, userId: UserId) {
    return view((await this.migrations.one(clinicId, userId)) ?? noMigration());
  }

  /** As the worker has noted it: `get` has no room for it, for its form is the public service's. */
  async progress(clinicId: string, userId: UserId) {
    const migration = (await this.migrations.one(clinicId, userId)) ?? noMigration();
    const { total, done = 0, skipped = [], incomplete = [] } = migration.progress ?? {};
    return { ...view(migration), total, done, skipped, incomplete };
  }

  async update(clinicId: string, userId: UserId, status: MigrationStatus) {
    return view((await this.migrations.setStatus(clinicId, userId, status)) ?? noMigration());
  }

  private async assertLegacyClinic(userId: UserId): Promise<void> {
    const user = await this.identity.findUser(userId);
    if (!user) throw new NotFound('the user has no account: not found');
    if (!user.roles.includes(LEGACY_CLINIC_ROLE))
      throw new Unprocessable(`constraint violation: user ${userId} is not a legacy clinic account`);
  }
}

function newMigration(clinicId: Types.ObjectId, userId: UserId, attested = false): MigrationDocument {
  const now = new Date();
  return {
    _id: newObjectId(),
    clinicId,
    userId,
    status: 'PENDING',
    ...(attested && { attestationTime: now }),
    createdTime: now,
    updatedTime: now,
  };
}

// When the clinic attested is kept, but clients of the public service do not get it (compat, flow "migrations").
const view = ({ userId, status, createdTime, updatedTime }: MigrationDocument) => ({
  userId,
  status,
  createdTime,
  updatedTime,
});

function noMigration(): never {
  throw new NotFound('migration not found');
}
