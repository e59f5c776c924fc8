import { Reaction, ReactionContext } from '@caregate/change-events';
import {
  CLINIC_MODELS,
  type ClinicModels,
  noteUserEnded,
  removeUserFromClinics,
  stopKeysOf,
} from '@caregate/clinic-model';
import { IdentityService, SharingRepository, type UserId } from '@caregate/identity';
import { CONFIG, type Counter, inTransaction, LOGGER, type Logger, Metrics, MONGO } from '@caregate/service';
import { Controller, Inject } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import type { Connection, Types } from 'mongoose';
import type { ClinicWorkerConfig } from '../config.ts';
import type { UserEvent } from '../streams/user-events.ts';

const DELETED_BY = 'clinic-worker';
const deleted = (event: UserEvent) => event.type === 'deleted';

/** A user was deleted: their patient and clinician records go from every clinic of the shard, and all permissions with them. */
@Controller()
export class UserDeleted {
  private readonly orphaned: Counter;

  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicWorkerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly identity: IdentityService,
    metrics: Metrics,
  ) {
    this.orphaned = metrics.counter(
      'caregate_clinics_without_admin_total',
      'Clinics that lost their last admin because the user was deleted',
    );
  }

  @Reaction<UserEvent>({ name: 'forget_user_records', stream: 'users', when: deleted, deadline: 30 * 60_000 })
  async removeFromClinics(@Payload() event: UserEvent, @Ctx() context: ReactionContext): Promise<string | undefined> {
    if (event.type !== 'deleted') return undefined;
    const { connection, models } = this;
    await noteUserEnded({ connection, models, userId: event.userId });
    const administered = await this.administeredBy(event.userId, context.attempt.attempt > 1);
    const removed = await removeUserFromClinics(
      { connection, models, isDemo: (userId) => userId === this.config.DEMO_PATIENT_USER_ID },
      event.userId,
      DELETED_BY,
    );
    for (const clinicId of administered) await this.reportIfOrphaned(clinicId);
    return `${removed.patients} patients, ${removed.clinicians} clinicians`;
  }

  /** Of the gatekeeper database too, by change data capture, as clinics' permissions vanish there with their documents. */
  @Reaction<UserEvent>({ name: 'forget_user_sharing', stream: 'users', when: deleted })
  async removeSharing(event: UserEvent): Promise<string | undefined> {
    if (event.type !== 'deleted') return undefined;
    const sharing = new SharingRepository(this.connection);
    const ended = await inTransaction(this.connection, (session) => sharing.forgetSharing(event.userId, session));
    return `${ended} permissions`;
  }

  /** Where users live on the shard they stop as the user is deleted; a user platform tells only by the event. */
  @Reaction<UserEvent>({ name: 'stop_user_keys', stream: 'users', when: deleted })
  async stopKeys(event: UserEvent): Promise<void> {
    if (event.type !== 'deleted') return;
    await inTransaction(this.connection, (session) => stopKeysOf(this.models, event.userId, session));
  }

  @Reaction<UserEvent>({ name: 'forget_user_account', stream: 'users', when: deleted })
  async forgetAccount(event: UserEvent): Promise<void> {
    if (event.type === 'deleted') await this.identity.forgetUser(event.userId);
  }

  /** Where an attempt before this one was cut short, also those that the user has been removed from since, in whatever role. */
  private async administeredBy(userId: UserId, again: boolean): Promise<Types.ObjectId[]> {
    const [now, before] = await Promise.all([
      this.models.clinicians.distinct('clinicId', { userId, roles: 'CLINIC_ADMIN' }),
      again ? this.models.clinicianArchives.distinct('clinicId', { userId }) : [],
    ]);
    return [...now, ...before];
  }

  private async reportIfOrphaned(clinicId: Types.ObjectId): Promise<void> {
    const clinic = await this.models.clinics.findOne({ _id: clinicId }, { admins: 1 }).lean();
    if (!clinic || clinic.admins.length > 0) return;
    this.logger.error(
      { clinicId: clinicId.toHexString() },
      'a clinic has lost its last admin: the user was deleted; name another',
    );
    this.orphaned.inc();
  }
}
