import { Inject, Injectable } from '@nestjs/common';
import { knownElsewhere, newObjectId, type PatientDocument, searchFields } from '@caregate/clinic-model';
import { IdentityService, type UserId } from '@caregate/identity';
import { CONFIG, LOGGER, type Logger } from '@caregate/service';
import type { ClinicApiConfig } from '../config.ts';

/** The patient that every new clinic gets for trying things out; it counts in no plan (behaviour, "Clinics"). */
@Injectable()
export class DemoPatient {
  constructor(
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(IdentityService) private readonly identity: IdentityService,
  ) {}

  readonly isDemo = (userId: string) => userId === this.config.DEMO_PATIENT_USER_ID;

  /** What a new clinic gets, but for the clinic's id; undefined when no demo patient is set, or its user is gone. */
  async draft(): Promise<Omit<PatientDocument, 'clinicId' | '_id'> | undefined> {
    if (this.config.DEMO_PATIENT_USER_ID === undefined) return undefined;
    const userId = this.config.DEMO_PATIENT_USER_ID as UserId; // the settings say that it is one
    const [user, profile] = await Promise.all([this.identity.findUser(userId), this.identity.profile(userId)]);
    if (!user) {
      this.logger.warn('DEMO_PATIENT_USER_ID names a user who does not exist; clinics get no demo patient');
      return undefined;
    }
    const { leftOut: _leftOut, ...known } = knownElsewhere(user, profile);
    const person = { fullName: 'Demo Patient', birthDate: '', ...known };
    const now = new Date();
    return {
      ...person,
      ...searchFields(person),
      userId,
      permissions: { view: {} },
      isMigrated: true, // so that it gets no emails
      tags: [],
      sites: [],
      createdTime: now,
      updatedTime: now,
    };
  }

  of(clinicId: PatientDocument['clinicId'], draft: Omit<PatientDocument, 'clinicId' | '_id'>): PatientDocument {
    return { _id: newObjectId(), clinicId, ...draft };
  }
}
