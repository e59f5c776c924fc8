import { Module } from '@nestjs/common';
import { ConnectorsModule } from '../connectors/connectors.module.ts';
import { CanaryService } from './canary.service.ts';
import { FreshnessService } from './freshness.service.ts';
import { LagService } from './lag.service.ts';

@Module({
  imports: [ConnectorsModule],
  providers: [CanaryService, FreshnessService, LagService],
  exports: [CanaryService, FreshnessService],
})
export class ReplicationModule {}
