import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicDocument, type ClinicModels, readCounts, takeTurn } from '@caregate/clinic-model';
import { CONFIG } from '@caregate/service';
import type { ClientSession } from 'mongoose';
import type { ClinicApiConfig } from '../config.ts';
import { assertRoom, hardLimitAt, limitsOf } from './hard-limit.ts';

/** The limit on plan patients, asked by whoever adds one. */
@Injectable()
export class PlanLimit {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
  ) {}

  limitsOf(clinic: ClinicDocument) {
    return limitsOf(clinic, this.config.FREE_TIER_PATIENT_LIMIT);
  }

  /** Whether a place must be claimed, by what is known of the clinic. */
  isLimited(clinic: Parameters<typeof hardLimitAt>[1]): boolean {
    return hardLimitAt(new Date(), clinic, this.config.FREE_TIER_PATIENT_LIMIT) !== undefined;
  }

  /**
   * Call it in the transaction that adds a custodial patient, with the clinic as that transaction sees it. In a clinic with a limit
   * it takes the clinic's turn, so that of two that race for the last place one gets it; others go on side by side.
   * Patients who come by themselves (an existing user, an accepted invite) are not limited, as in the public service.
   * @throws {PaymentRequired} when the limit is reached
   */
  async claimPlace(clinic: ClinicDocument, session: ClientSession): Promise<void> {
    const hardLimit = hardLimitAt(new Date(), clinic, this.config.FREE_TIER_PATIENT_LIMIT);
    if (hardLimit === undefined) return;
    await takeTurn({ models: this.models, session }, clinic._id);
    const { plan } = await readCounts(this.models, clinic._id, session);
    assertRoom(plan, hardLimit);
  }
}
