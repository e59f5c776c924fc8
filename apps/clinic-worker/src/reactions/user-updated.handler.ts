import { Reaction, UPDATE_USER_EMAIL } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicModels, knownEmail, updateUserEmail } from '@caregate/clinic-model';
import { IdentityService } from '@caregate/identity';
import { CONFIG, LOGGER, type Logger, MONGO } from '@caregate/service';
import { Controller, Inject } from '@nestjs/common';
import type { Connection } from 'mongoose';
import type { ClinicWorkerConfig } from '../config.ts';
import type { UserEvent } from '../streams/user-events.ts';

type UpdatedUser = Extract<UserEvent, { type: 'updated' }>;

const UPDATED_BY = 'clinic-worker';

/** A user has a new email: their patient and clinician records get it. */
@Controller()
export class UserUpdated {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicWorkerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly identity: IdentityService,
  ) {}

  @Reaction<UserEvent>({
    name: UPDATE_USER_EMAIL,
    stream: 'users',
    when: (event) => event.type === 'updated' && (event.email === undefined || event.email !== event.formerEmail),
    deadline: 30 * 60_000,
  })
  async updateEmail(event: UserEvent): Promise<string | undefined> {
    if (event.type !== 'updated') return undefined;
    const current = await this.currentEmail(event);
    if (current === undefined) return undefined;
    const email = knownEmail(current);
    if (email === undefined) return 'the records keep the former email: the contract refuses the new one';
    const { connection, models } = this;
    const updated = await updateUserEmail(
      { connection, models, isDemo: (userId) => userId === this.config.DEMO_PATIENT_USER_ID },
      event.userId,
      email,
      UPDATED_BY,
    );
    for (const clinicId of updated.refusedBy) {
      this.logger.warn(
        { clinicId, userId: event.userId },
        'a clinician keeps their former email: another of the clinic has the new one',
      );
    }
    return `${updated.patients} patients, ${updated.clinicians} clinicians`;
  }

  /** Events of the shard's own users hold ids only. A platform's event tells the email, before the platform may answer with it. */
  private async currentEmail({ userId, email }: UpdatedUser): Promise<string | undefined> {
    if (email !== undefined && this.config.IDENTITY === 'http') return email;
    return (await this.identity.findUser(userId))?.email;
  }
}
