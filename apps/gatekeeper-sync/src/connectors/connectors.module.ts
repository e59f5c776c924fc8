import { Module } from '@nestjs/common';
import { CONFIG, LOGGER, type Logger } from '@caregate/service';
import { ConnectClient, givesPasswordAway, kafkaAddress, serversOf, topicPrefix } from '@caregate/change-events';
import kafkajs from 'kafkajs';
import type { GatekeeperSyncConfig } from '../config.ts';
import { ConnectorsService } from './connectors.service.ts';
import { Lease } from './lease.ts';
import { PrepareSourcesService } from './prepare-sources.service.ts';
import { ReplicaDoubts } from './replica-doubts.ts';
import { KAFKA } from './kafka.ts';
import { SourceLagService } from './source-lag.service.ts';

@Module({
  providers: [
    {
      provide: ConnectClient,
      inject: [CONFIG],
      useFactory: (config: GatekeeperSyncConfig) => new ConnectClient(config.CONNECT_URL),
    },
    { provide: KAFKA, inject: [CONFIG, LOGGER], useFactory: kafkaOf },
    Lease,
    ReplicaDoubts,
    PrepareSourcesService,
    ConnectorsService,
    SourceLagService,
  ],
  exports: [Lease, ReplicaDoubts, KAFKA],
})
export class ConnectorsModule {}

function kafkaOf(config: GatekeeperSyncConfig, logger: Logger) {
  const address = kafkaAddress(config.KAFKA_BROKERS);
  if (givesPasswordAway(address)) logger.warn('KAFKA_BROKERS has a password but no TLS; use kafkas://');
  return new kafkajs.Kafka({
    clientId: `${topicPrefix(config)}.gatekeeper-sync`,
    ...serversOf(address),
    logLevel: kafkajs.logLevel.NOTHING, // what goes wrong is thrown to the caller, who says it
    connectionTimeout: 2_000,
    retry: { retries: 1, initialRetryTime: 200 },
  });
}
