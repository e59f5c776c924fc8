import { type DynamicModule, Module } from '@nestjs/common';
import { IdentityModule, SharingRepository } from '@caregate/identity';
import { MongoModule } from '@caregate/service';
import { AccessModule } from './access/access.module.ts';
import type { GatekeeperSyncConfig } from './config.ts';
import { ConnectorsModule } from './connectors/connectors.module.ts';
import { DriftModule } from './drift/drift.module.ts';
import { GATEKEEPER, prepareGatekeeperDatabase } from './gatekeeper-database.ts';
import { ReplicationModule } from './replication/replication.module.ts';

/** Keeps the gatekeeper database of one shard and answers from it: table of contents. */
@Module({})
export class AppModule {
  static forRoot(config: GatekeeperSyncConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        MongoModule.forRoot({
          uri: config.MONGODB_URI,
          prepare: (connection) => SharingRepository.prepareSharing(connection),
        }),
        MongoModule.forRoot({
          uri: config.GATEKEEPER_MONGODB_URI,
          token: GATEKEEPER,
          name: 'gatekeeper mongodb',
          prepare: prepareGatekeeperDatabase,
        }),
        IdentityModule.forRoot(config),
        AccessModule,
        ConnectorsModule,
        ReplicationModule,
        DriftModule,
      ],
    };
  }
}
