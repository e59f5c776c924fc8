import { Module } from '@nestjs/common';
import { ConnectorsModule } from '../connectors/connectors.module.ts';
import { ReplicationModule } from '../replication/replication.module.ts';
import { DriftRepository } from './drift.repository.ts';
import { DriftService } from './drift.service.ts';

@Module({ imports: [ConnectorsModule, ReplicationModule], providers: [DriftRepository, DriftService] })
export class DriftModule {}
