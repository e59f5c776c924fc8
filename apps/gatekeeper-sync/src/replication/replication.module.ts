import { Module } from '@nestjs/common';
import { ConnectorsModule } from '../connectors/connectors.module.ts';
import { CanaryService } from './canary.service.ts';
import { LagService } from './lag.service.ts';

@Module({ imports: [ConnectorsModule], providers: [CanaryService, LagService], exports: [CanaryService] })
export class ReplicationModule {}
