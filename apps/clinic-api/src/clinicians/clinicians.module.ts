import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { CliniciansController } from './clinicians.controller.ts';
import { CliniciansRepository } from './clinicians.repository.ts';
import { CliniciansService } from './clinicians.service.ts';

@Module({
  imports: [ClinicsModule],
  controllers: [CliniciansController],
  providers: [CliniciansService, CliniciansRepository],
  exports: [CliniciansRepository],
})
export class CliniciansModule {}
