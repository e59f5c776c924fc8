import { failureKind, GiveUp } from '@caregate/change-events';
import {
  type ClinicDocument,
  type MigrationDocument,
  type MigrationProgress,
  greetedAs,
  knownElsewhere,
  type KnownField,
  nameOrStandIn,
  type PatientPermissions,
} from '@caregate/clinic-model';
import { IdentityService, type Permissions, type Profile, type User, type UserId } from '@caregate/identity';
import { clinicMigrationComplete, Mail, MailDeferred, migratePatient } from '@caregate/mail';
import { CONFIG, LOGGER, type Logger, NotFound } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Types } from 'mongoose';
import pLimit from 'p-limit';
import { Addressees, recipientOf } from '../addressees.service.ts';
import type { ClinicWorkerConfig } from '../config.ts';
import { Links } from '../links.ts';
import { AccountDoor } from '../moves/account-door.ts';
import { MigrantsRepository, type Newcomer } from './migrants.repository.ts';
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

  private async migrateOne(
    migration: MigrationDocument,
    clinic: ClinicDocument,
    userId: UserId,
    shared: Permissions,
  ): Promise<Outcome> {
    try {
      const [user, profile] = await Promise.all([this.identity.findUser(userId), this.identity.profile(userId)]);
      if (!user) return { skippedBecause: 'the user is gone' };
      const migrant = migrantOf(user, profile, shared);
      const { accountId } = clinic;
      const admit = () => this.migrants.admit(clinic, migrant.person, migration.userId);
      const admitted = await this.door.through(accountId, admit);
      if (admitted === 'mrn taken') return { skippedBecause: 'another patient of the clinic has this MRN' };
      await this.tellPatient(clinic, migrant.person);
      await this.door.through(accountId, () => this.identity.setSharing(userId, migration.userId, {}));
      return { leftOut: admitted === 'known already' ? [] : migrant.leftOut };
    } catch (error) {
      if (error instanceof NotFound) return { skippedBecause: 'the user is gone' };
      if (failureKind(error) === 'away' || error instanceof MailDeferred) throw error; // those who are left come with the next attempt
      this.logger.error(
        { err: error, migrationId: migration._id.toHexString(), userId },
        'a patient could not be migrated',
      );
      return { skippedBecause: 'an unexpected fault' };
    }
  }

  private async tellPatient(clinic: ClinicDocument, person: Newcomer): Promise<void> {
    const { userId, email } = person;
    if (email === undefined) return;
    const clinicId = clinic._id.toHexString();
    await this.mail.deliver({
      deliveryId: `migrate_patient:${clinicId}:${userId}`,
      template: migratePatient,
      to: recipientOf(person, email),
      data: { clinicName: clinic.name, ...greetedAs(person), link: this.links.sharing() },
      userId,
      clinicId,
    });
  }

  private async tellOwner({ _id, userId }: MigrationDocument, clinic: ClinicDocument): Promise<string> {
    const to = await this.addressees.find(userId);
    if (!to) return 'completed; the owner has no email';
    const clinicId = clinic._id.toHexString();
    const { reasons = {}, incompleteCount = 0 } = (await this.migrants.migration(_id))?.progress ?? {};
    const skipped = Object.values(reasons).reduce((sum, count) => sum + count, 0);
    const result = await this.mail.deliver({
      deliveryId: `clinic_migration_complete:${_id.toHexString()}`,
      template: clinicMigrationComplete,
      to,
      data: {
        clinicName: clinic.name,
        link: this.links.clinic(clinicId),
        ...(skipped > 0 && { skipped, reasons: inWords(reasons) }),
        ...(incompleteCount > 0 && { incomplete: incompleteCount }),
        ...(to.name !== undefined && { recipientName: to.name }),
      },
      userId,
      clinicId,
    });
    return `completed; email ${result}`;
  }
}

/** `the user is gone (2), …` */
const inWords = (reasons: Readonly<Record<string, number>>) =>
  Object.entries(reasons)
    .map(([reason, count]) => `${reason} (${count})`)
    .join(', ');

function countsOf(texts: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** What became of somebody: in the clinic, perhaps without some of what was known of them, or not. */
type Outcome = { readonly leftOut: readonly KnownField[] } | { readonly skippedBecause: string };

/** What an operator looks through; a document holds no list without end. */
const MOST_LISTED = 1_000;

/** What a migration has done, over all its attempts. */
class Run {
  private done: number;
  private readonly total: number;
  private readonly skipped: Map<UserId, string>;
  private readonly incomplete: Map<UserId, readonly string[]>;
  private incompleteCount: number;

  constructor(before: MigrationProgress | undefined, left: number) {
    this.done = before?.done ?? 0;
    this.skipped = new Map();
    this.incompleteCount = before?.incompleteCount ?? 0;
    this.incomplete = new Map((before?.incomplete ?? []).map(({ userId, fields }) => [userId, fields]));
    this.total = Math.max(before?.total ?? 0, this.done + left);
  }

  finished(userId: UserId, outcome: Outcome): void {
    if ('skippedBecause' in outcome) {
      this.skipped.set(userId, outcome.skippedBecause);
      return;
    }
    this.done++;
    if (outcome.leftOut.length === 0) return;
    this.incompleteCount++;
    this.incomplete.set(userId, outcome.leftOut);
  }

  get progress(): MigrationProgress {
    return {
      total: this.total,
      done: this.done,
      skipped: [...this.skipped].slice(-MOST_LISTED).map(([userId, reason]) => ({ userId, reason })),
      reasons: countsOf(this.skipped.values()),
      incompleteCount: this.incompleteCount,
      incomplete: [...this.incomplete].slice(-MOST_LISTED).map(([userId, fields]) => ({ userId, fields })),
    };
  }
}

/** Somebody who is to become a patient, and what the clinic will have to complete. */
interface Migrant {
  readonly person: Newcomer;
  readonly leftOut: readonly KnownField[];
}

/**
 * A patient from what the identity service knows. Nobody is left behind because something is missing: without a birth date it is
 * empty until the clinic knows it, and the address or the user id stands in for a name.
 */
export function migrantOf(user: User, profile: Profile | undefined, shared: Permissions): Migrant {
  const { leftOut, ...known } = knownElsewhere(user, profile);
  const missing = NEEDED.filter((field) => known[field] === undefined);
  return {
    person: {
      ...{ userId: user.userId, birthDate: '', ...known, ...nameOrStandIn(known, user.userId) },
      permissions: permissionsOf(shared),
    },
    leftOut: [...new Set([...missing, ...leftOut])],
  };
}

/** What every patient has, and a clinic must add when it is missing. */
const NEEDED = ['fullName', 'birthDate'] as const;

/** Of what was shared, that which a clinic knows. */
function permissionsOf(shared: Permissions): PatientPermissions {
  return Object.fromEntries(
    PERMISSIONS.filter((permission) => permission in shared).map((permission) => [permission, {}]),
  );
}
