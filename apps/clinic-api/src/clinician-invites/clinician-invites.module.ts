import { Module } from '@nestjs/common';
import { CliniciansModule } from '../clinicians/clinicians.module.ts';
import { ClinicianInvitesController } from './clinician-invites.controller.ts';
import { ClinicianInvitesRepository } from './clinician-invites.repository.ts';
import { ClinicianInvitesService } from './clinician-invites.service.ts';

@Module({
  imports: [CliniciansModule],
  controllers: [ClinicianInvitesController],
  providers: [ClinicianInvitesService, ClinicianInvitesRepository],
})
export class ClinicianInvitesModule {}
