import { Reaction } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicModels, updateUserEmail } from '@caregate/clinic-model';
import { CONFIG, LOGGER, type Logger, MONGO } from '@caregate/service';
import { Controller, Inject } from '@nestjs/common';
import type { Connection } from 'mongoose';
import type { ClinicWorkerConfig } from '../config.ts';
import type { UserEvent } from '../streams/user-events.ts';

const UPDATED_BY = 'clinic-worker';

/** A user has a new email: their patient and clinician records get it. */
@Controller()
export class UserUpdated {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicWorkerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Reaction<UserEvent>({
    name: 'update_user_email',
    stream: 'users',
    when: (event) => event.type === 'updated' && event.email !== undefined && event.email !== event.formerEmail,
    deadline: 30 * 60_000,
  })
  async updateEmail(event: UserEvent): Promise<string | undefined> {
    if (event.type !== 'updated' || event.email === undefined) return undefined;
    const { connection, models } = this;
    const updated = await updateUserEmail(
      { connection, models, isDemo: (userId) => userId === this.config.DEMO_PATIENT_USER_ID },
      event.userId,
      event.email,
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
}
