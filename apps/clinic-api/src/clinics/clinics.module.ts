import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { ClinicViews } from './clinic-views.ts';
import { ClinicsController } from './clinics.controller.ts';
import { ClinicsRepository } from './clinics.repository.ts';
import { ClinicsService } from './clinics.service.ts';
import { DemoPatient } from './demo-patient.ts';
import { ClinicFounding } from './founding.ts';
import { ShareCodes } from './share-codes.ts';

@Module({
  imports: [AccountsModule],
  controllers: [ClinicsController],
  providers: [ClinicsService, ClinicsRepository, ClinicViews, ClinicFounding, DemoPatient, ShareCodes],
  exports: [ClinicsService, ClinicsRepository, ClinicViews, ClinicFounding, DemoPatient],
})
export class ClinicsModule {}
