import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { CountsController } from './counts.controller.ts';
import { CountsService } from './counts.service.ts';
import { PlanLimit } from './plan-limit.ts';

@Module({
  imports: [ClinicsModule],
  controllers: [CountsController],
  providers: [CountsService, PlanLimit],
  exports: [PlanLimit],
})
export class CountsModule {}
