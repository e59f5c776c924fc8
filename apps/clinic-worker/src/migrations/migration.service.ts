import { failureKind, GiveUp } from '@caregate/change-events';
import {
  type ClinicDocument,
  type MigrationDocument,
  type MigrationProgress,
  normalEmail,
  type PatientPermissions,
} from '@caregate/clinic-model';
import { IdentityService, type Permissions, type Profile, type User, type UserId } from '@caregate/identity';
import { clinicMigrationComplete, Mail, MailDeferred, migratePatient } from '@caregate/mail';
import { CONFIG, LOGGER, type Logger, NotFound } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Types } from 'mongoose';
import pLimit from 'p-limit';
import { Addressees } from '../addressees.service.ts';
import type { ClinicWorkerConfig } from '../config.ts';
import { Links } from '../links.ts';
import { AccountDoor } from '../moves/account-door.ts';
import { type Migrant, MigrantsRepository } from './migrants.repository.ts';
import { Pace } from './pace.ts';

/** The role of a legacy clinic account at the identity service. */
const LEGACY_CLINIC_ROLE = 'clinic';
const PERMISSIONS = ['custodian', 'view', 'upload', 'note'] as const;

/**
 * Moves the patients of a legacy clinic account into a clinic (behaviour, "Change events and the worker", Migration).
 * What is done is seen from the data itself: a patient is in the clinic, their sharing with the legacy account is gone,
 * an email is noted as sent. So it goes on where it stopped, after a crash at any step, and nobody is mailed twice. Between its steps the
 * account may move to another shard, where the migration then goes on.
 */
@Injectable()
export class MigrationService {
  constructor(
    private readonly migrants: MigrantsRepository,
    private readonly identity: IdentityService,
    private readonly addressees: Addressees,
    private readonly mail: Mail,
    private readonly links: Links,
    private readonly door: AccountDoor,
    @Inject(CONFIG) private readonly config: ClinicWorkerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @returns a note of what was done @throws {GiveUp} when the legacy account is gone */
  async carryOut(migrationId: Types.ObjectId, signal: AbortSignal): Promise<string> {
    const migration = await this.migrants.migration(migrationId);
    const clinic = migration && (await this.migrants.clinic(migration.clinicId));
    if (!migration || !clinic) return 'the migration or its clinic is gone';
    if (migration.status !== 'COMPLETED') await this.migrateAll(migration, clinic, signal);
    return this.tellOwner(migration, clinic);
  }

  private async migrateAll(migration: MigrationDocument, clinic: ClinicDocument, signal: AbortSignal): Promise<void> {
    const { accountId } = clinic;
    await this.door.through(accountId, () => this.closeLegacyAccount(migration.userId));
    const sharers = [...(await this.identity.sharesWith(migration.userId))].filter(
      ([userId]) => userId !== migration.userId,
    );
    const run = new Run(migration.progress, sharers.length);
    const note = (status: MigrationDocument['status']) =>
      this.door.through(accountId, () => this.migrants.note(migration._id, status, run.progress));
    await note('RUNNING');
    const pace = new Pace(this.config.MIGRATION_PER_SECOND);
    const parallel = pLimit(this.config.MIGRATION_PARALLEL);
    const results = await Promise.allSettled(
      sharers.map(([userId, permissions]) =>
        parallel(async () => {
          signal.throwIfAborted();
          await pace.turn(signal);
          run.finished(userId, await this.migrateOne(migration, clinic, userId, permissions));
          await note('RUNNING');
        }),
      ),
    );
    // Only what keeps all from going on is thrown: the next attempt continues with those who are left.
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await note('COMPLETED');
  }

  private async closeLegacyAccount(userId: UserId): Promise<void> {
    const user = await this.identity.findUser(userId);
    if (!user) throw new GiveUp(`the legacy clinic account ${userId} is gone`);
    const roles = user.roles.filter((role) => role !== LEGACY_CLINIC_ROLE);
    if (roles.length !== user.roles.length) await this.identity.updateUser(userId, { roles });
    await this.identity.deleteSessions(userId);
  }

  /** Gives the reason why somebody was not migrated, if so. */
  private async migrateOne(
    migration: MigrationDocument,
    clinic: ClinicDocument,
    userId: UserId,
    shared: Permissions,
  ): Promise<string | undefined> {
    try {
      const [user, profile] = await Promise.all([this.identity.findUser(userId), this.identity.profile(userId)]);
      if (!user) return 'the user is gone';
      const migrant = migrantOf(user, profile, shared);
      if (!migrant) return 'the profile has no name or no birth date, or one that is too long';
      const { accountId } = clinic;
      const admit = () => this.migrants.admit(clinic, migrant, migration.userId);
      if ((await this.door.through(accountId, admit)) === 'mrn taken')
        return 'another patient of the clinic has this MRN';
      await this.tellPatient(clinic, migrant);
      await this.door.through(accountId, () => this.identity.setSharing(userId, migration.userId, {}));
      return undefined;
    } catch (error) {
      if (error instanceof NotFound) return 'the user is gone';
      if (failureKind(error) === 'away' || error instanceof MailDeferred) throw error; // those who are left come with the next attempt
      this.logger.error(
        { err: error, migrationId: migration._id.toHexString(), userId },
        'a patient could not be migrated',
      );
      return 'an unexpected fault, see the log';
    }
  }

  private async tellPatient(clinic: ClinicDocument, { userId, email, fullName }: Migrant): Promise<void> {
    if (email === undefined) return;
    const clinicId = clinic._id.toHexString();
    await this.mail.deliver({
      deliveryId: `migrate_patient:${clinicId}:${userId}`,
      template: migratePatient,
      to: { address: email, name: fullName },
      data: { clinicName: clinic.name, recipientName: fullName, link: this.links.sharing() },
      userId,
      clinicId,
    });
  }

  private async tellOwner({ _id, userId }: MigrationDocument, clinic: ClinicDocument): Promise<string> {
    const to = await this.addressees.find(userId);
    if (!to) return 'completed; the owner has no email';
    const clinicId = clinic._id.toHexString();
    const result = await this.mail.deliver({
      deliveryId: `clinic_migration_complete:${_id.toHexString()}`,
      template: clinicMigrationComplete,
      to,
      data: {
        clinicName: clinic.name,
        link: this.links.clinic(clinicId),
        ...(to.name !== undefined && { recipientName: to.name }),
      },
      userId,
      clinicId,
    });
    return `completed; email ${result}`;
  }
}

/** What an operator looks through; a document holds no list without end. */
const MOST_SKIPPED = 1_000;

/** What a migration has done, over all its attempts. */
class Run {
  private done: number;
  private readonly total: number;
  private readonly skipped: Map<UserId, string>;

  constructor(before: MigrationProgress | undefined, left: number) {
    this.done = before?.done ?? 0;
    this.skipped = new Map();
    this.total = Math.max(before?.total ?? 0, this.done + left);
  }

  finished(userId: UserId, skippedBecause: string | undefined): void {
    if (skippedBecause === undefined) this.done++;
    else this.skipped.set(userId, skippedBecause);
  }

  get progress(): MigrationProgress {
    return {
      total: this.total,
      done: this.done,
      skipped: [...this.skipped].slice(-MOST_SKIPPED).map(([userId, reason]) => ({ userId, reason })),
    };
  }
}

/** A patient from their profile; undefined when it lacks what every patient has. The patient's part goes before that of whoever keeps the account. */
export function migrantOf(user: User, profile: Profile = {}, shared: Permissions): Migrant | undefined {
  const { patient = {} } = profile;
  const fullName = text(patient['fullName']) ?? text(profile.fullName);
  const birthDate = text(patient.birthday);
  if (fullName === undefined || birthDate === undefined) return undefined;
  const email = text(patient.email) ?? user.email;
  const mrn = text(patient.mrn);
  return {
    ...{ userId: user.userId, fullName, birthDate, permissions: permissionsOf(shared) },
    ...(email !== undefined && { email: normalEmail(email) }),
    ...(mrn !== undefined && { mrn }),
    ...(Array.isArray(patient.targetDevices) && { targetDevices: devicesOf(patient.targetDevices) }),
  };
}

/** Of what was shared, that which a clinic knows. */
function permissionsOf(shared: Permissions): PatientPermissions {
  return Object.fromEntries(
    PERMISSIONS.filter((permission) => permission in shared).map((permission) => [permission, {}]),
  );
}

/** As much as the clinic contract takes of each (`targetDevices`, `PersonName`). */
const MOST_DEVICES = 100;
const LONGEST_TEXT = 256;

const devicesOf = (found: readonly unknown[]) => found.flatMap((device) => text(device) ?? []).slice(0, MOST_DEVICES);

/** A profile is data of another service, in which anything may stand, of any length. */
const text = (value: unknown) =>
  typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT ? value : undefined;
