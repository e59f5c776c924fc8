import { Injectable } from '@nestjs/common';
import type { MembershipRestriction, PatientCountLimit, PatientCountSettings } from '@caregate/clinic-model';
import type { ClinicInputs } from '@caregate/contracts';
import { BadRequest, NotFound } from '@caregate/service';
import { ClinicsRepository } from '../clinics/clinics.repository.ts';
import { isPossible } from '../counts/hard-limit.ts';
import { PlanLimit } from '../counts/plan-limit.ts';

/** What is set for a clinic and does not touch its patients. */
@Injectable()
export class SettingsService {
  constructor(
    private readonly clinics: ClinicsRepository,
    private readonly planLimit: PlanLimit,
  ) {}

  async ehr(clinicId: string) {
    const { ehrSettings } = await this.clinics.get(clinicId);
    if (!ehrSettings) throw new NotFound('the clinic has no settings of a hospital record: not found');
    return ehrSettings;
  }

  async updateEhr(clinicId: string, ehrSettings: ClinicInputs['EhrSettings']) {
    return (await this.clinics.updateAlone(clinicId, { $set: { ehrSettings } })).ehrSettings;
  }

  async patientCount(clinicId: string) {
    return patientCountView(this.planLimit.limitsOf(await this.clinics.get(clinicId)));
  }

  async updatePatientCount(clinicId: string, sent: ClinicInputs['PatientCountSettings']) {
    const patientCountSettings = patientCountSettingsOf(sent);
    const { hardLimit, softLimit } = patientCountSettings;
    if (![hardLimit, softLimit].every((limit) => !limit || isPossible(limit))) {
      throw new BadRequest('bad request: a limit ends before it begins; endDate must not be before startDate');
    }
    return patientCountView(
      this.planLimit.limitsOf(await this.clinics.updateAlone(clinicId, { $set: { patientCountSettings } })),
    );
  }

  async membershipRestrictions(clinicId: string) {
    return restrictionsView((await this.clinics.get(clinicId)).membershipRestrictions);
  }

  async updateMembershipRestrictions(clinicId: string, { restrictions = [] }: ClinicInputs['MembershipRestrictions']) {
    const clinic = await this.clinics.updateAlone(clinicId, { $set: { membershipRestrictions: restrictions } });
    return restrictionsView(clinic.membershipRestrictions);
  }
}

type SentLimit = NonNullable<ClinicInputs['PatientCountSettings']['hardLimit']>;

const patientCountSettingsOf = ({
  hardLimit,
  softLimit,
}: ClinicInputs['PatientCountSettings']): PatientCountSettings => ({
  ...(hardLimit && { hardLimit: limitOf(hardLimit) }),
  ...(softLimit && { softLimit: limitOf(softLimit) }),
});

const limitOf = ({ plan, startDate, endDate }: SentLimit): PatientCountLimit => ({
  plan,
  ...(startDate !== undefined && { startDate: new Date(startDate) }),
  ...(endDate !== undefined && { endDate: new Date(endDate) }),
});

const patientCountView = ({ hardLimit, softLimit }: PatientCountSettings) => ({
  hardLimit: hardLimit && limitView(hardLimit),
  softLimit: softLimit && limitView(softLimit),
});

const limitView = ({ plan, startDate, endDate }: PatientCountLimit) => ({
  plan,
  startDate: startDate && withoutMilliseconds(startDate),
  endDate: endDate && withoutMilliseconds(endDate),
});

/** Clients sent it so and compare it: `2030-01-01T00:00:00Z`. */
const withoutMilliseconds = (time: Date) => time.toISOString().replace(/\.000Z$/, 'Z');

const restrictionsView = (restrictions: readonly MembershipRestriction[] = []) =>
  restrictions.length > 0
    ? {
        restrictions: restrictions.map(({ emailDomain, requiredIdp }) => ({
          emailDomain,
          requiredIdp: requiredIdp || undefined,
        })),
      }
    : {};
