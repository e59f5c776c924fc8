import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { PatientsModule } from '../patients/patients.module.ts';
import { PatientInvitesController } from './patient-invites.controller.ts';
import { PatientInvitesRepository } from './patient-invites.repository.ts';
import { PatientInvitesService } from './patient-invites.service.ts';

@Module({
  imports: [ClinicsModule, PatientsModule],
  controllers: [PatientInvitesController],
  providers: [PatientInvitesService, PatientInvitesRepository],
})
export class PatientInvitesModule {}
