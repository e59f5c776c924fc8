import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { CountsModule } from '../counts/counts.module.ts';
import { CustodialAccounts } from './custodial-accounts.ts';
import { LargePages } from './large-pages.ts';
import { MembershipsService } from './memberships.service.ts';
import { PatientAdmission } from './patient-admission.ts';
import { PatientCreation } from './patient-creation.service.ts';
import { PatientListsRepository } from './patient-lists.repository.ts';
import { PatientsController } from './patients.controller.ts';
import { PatientsRepository } from './patients.repository.ts';
import { PatientsService } from './patients.service.ts';
import { SheetColumns } from './sheet-columns.ts';

@Module({
  imports: [ClinicsModule, CountsModule],
  controllers: [PatientsController],
  providers: [
    PatientsService,
    PatientsRepository,
    PatientListsRepository,
    PatientCreation,
    PatientAdmission,
    CustodialAccounts,
    MembershipsService,
    SheetColumns,
    LargePages,
  ],
  exports: [PatientCreation, SheetColumns],
})
export class PatientsModule {}
