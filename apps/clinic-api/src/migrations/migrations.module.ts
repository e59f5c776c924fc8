import { Module } from '@nestjs/common';
import { CliniciansModule } from '../clinicians/clinicians.module.ts';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { MigrationsController } from './migrations.controller.ts';
import { MigrationsRepository } from './migrations.repository.ts';
import { MigrationsService } from './migrations.service.ts';

@Module({
  imports: [CliniciansModule, ClinicsModule],
  controllers: [MigrationsController],
  providers: [MigrationsService, MigrationsRepository],
})
export class MigrationsModule {}
