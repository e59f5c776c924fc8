import { Body, Controller, Param } from '@nestjs/common';
import type { ClinicInputs } from '@caregate/contracts';
import { ClinicOperation } from '../contract.ts';
import { MrnSettingsService } from './mrn-settings.service.ts';
import { SettingsService } from './settings.service.ts';

@Controller()
export class SettingsController {
  constructor(
    private readonly settings: SettingsService,
    private readonly mrnSettings: MrnSettingsService,
  ) {}

  @ClinicOperation('GetEHRSettings')
  ehr(@Param('clinicId') clinicId: string) {
    return this.settings.ehr(clinicId);
  }

  @ClinicOperation('UpdateEHRSettings')
  updateEhr(@Param('clinicId') clinicId: string, @Body() sent: ClinicInputs['EhrSettings']) {
    return this.settings.updateEhr(clinicId, sent);
  }

  @ClinicOperation('GetMRNSettings')
  mrn(@Param('clinicId') clinicId: string) {
    return this.mrnSettings.get(clinicId);
  }

  @ClinicOperation('UpdateMRNSettings')
  updateMrn(@Param('clinicId') clinicId: string, @Body() sent: ClinicInputs['MrnSettings']) {
    return this.mrnSettings.update(clinicId, sent);
  }

  @ClinicOperation('GetPatientCountSettings')
  patientCount(@Param('clinicId') clinicId: string) {
    return this.settings.patientCount(clinicId);
  }

  @ClinicOperation('UpdatePatientCountSettings')
  updatePatientCount(@Param('clinicId') clinicId: string, @Body() sent: ClinicInputs['PatientCountSettings']) {
    return this.settings.updatePatientCount(clinicId, sent);
  }

  @ClinicOperation('ListMembershipRestrictions')
  membershipRestrictions(@Param('clinicId') clinicId: string) {
    return this.settings.membershipRestrictions(clinicId);
  }

  @ClinicOperation('UpdateMembershipRestrictions')
  updateMembershipRestrictions(
    @Param('clinicId') clinicId: string,
    @Body() sent: ClinicInputs['MembershipRestrictions'],
  ) {
    return this.settings.updateMembershipRestrictions(clinicId, sent);
  }
}
