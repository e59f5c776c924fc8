import { type DynamicModule, Module } from '@nestjs/common';
import { userEventsTopic } from '@caregate/change-events';
import { IdentityModule, SharingRepository } from '@caregate/identity';
import { claimClinicDatabase, claimGatekeeperDatabase, MongoModule, withDatabase } from '@caregate/service';
import type { Connection } from 'mongoose';
import { AccessModule } from './access/access.module.ts';
import type { GatekeeperSyncConfig } from './config.ts';
import { ConnectorsModule } from './connectors/connectors.module.ts';
import { DriftModule } from './drift/drift.module.ts';
import { GATEKEEPER, prepareGatekeeperDatabase } from './gatekeeper-database.ts';
import { ReplicationModule } from './replication/replication.module.ts';

/** The gatekeeper database belongs to the clinic database that it is a replica of, so that one is claimed first. */
async function claimFor(config: GatekeeperSyncConfig, gatekeeper: Connection): Promise<void> {
  const owner = await withDatabase(config.MONGODB_URI, (clinic) => claimClinicDatabase(clinic, config.SHARD_ID));
  await claimGatekeeperDatabase(gatekeeper, owner);
}

/** Keeps the gatekeeper database of one shard and answers from it: table of contents. */
@Module({})
export class AppModule {
  /** @throws {ConfigError} when the settings do not fit together */
  static forRoot(config: GatekeeperSyncConfig): DynamicModule {
    userEventsTopic(config);
    return {
      module: AppModule,
      imports: [
        MongoModule.forRoot({
          uri: config.MONGODB_URI,
          claim: (connection) => claimClinicDatabase(connection, config.SHARD_ID),
          prepare: (connection) => SharingRepository.prepareSharing(connection),
        }),
        MongoModule.forRoot({
          uri: config.GATEKEEPER_MONGODB_URI,
          claim: (gatekeeper) => claimFor(config, gatekeeper),
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
