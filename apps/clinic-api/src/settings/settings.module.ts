import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { CountsModule } from '../counts/counts.module.ts';
import { MrnSettingsService } from './mrn-settings.service.ts';
import { SettingsController } from './settings.controller.ts';
import { SettingsService } from './settings.service.ts';

@Module({
  imports: [ClinicsModule, CountsModule],
  controllers: [SettingsController],
  providers: [SettingsService, MrnSettingsService],
})
export class SettingsModule {}
