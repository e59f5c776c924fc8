import {
  ChangeEventServer,
  claimOwnTopics,
  givesPasswordAway,
  kafkaAddress,
  topicPrefix,
  topicsNeeded,
  userEventsTopic,
} from '@caregate/change-events';
import { type AppDefinition, HealthChecks, Metrics, MONGO, ownerOf } from '@caregate/service';
import { AppModule } from './app.module.ts';
import { settings } from './config.ts';
import { changeStreams } from './streams/change-streams.ts';
import { dueEvents } from './streams/due-events.ts';
import { Tenants } from './tenants.ts';
import { userEvents } from './streams/user-events.ts';

/** A microservice that listens to change events, beside the HTTP of every app: /ready and /metrics. */
export const clinicWorker: AppDefinition<typeof settings.shape> = {
  name: 'clinic-worker',
  schema: settings,
  module: (config) => AppModule.forRoot(config),
  configure: async (app, config, logger) => {
    const prefix = topicPrefix(config);
    const kafka = kafkaAddress(config.KAFKA_BROKERS);
    if (givesPasswordAway(kafka)) logger.warn('KAFKA_BROKERS has a password but no TLS; use kafkas://');
    const tenants = app.get(Tenants);
    app.connectMicroservice({
      strategy: new ChangeEventServer({
        ...kafka,
        topicPrefix: prefix,
        streams: [...changeStreams(prefix), userEvents(userEventsTopic(config))],
        topics: topicsNeeded(config),
        claim: async (client) => claimOwnTopics(client, config, await ownerOf(app.get(MONGO))),
        connection: app.get(MONGO),
        metrics: app.get(Metrics),
        health: app.get(HealthChecks),
        logger,
        concurrency: config.CONCURRENCY,
        tenantOf: (event) => tenants.ofEvent(event),
        lease: config.LEASE_SECONDS * 1_000,
        due: {
          find: dueEvents(app.get(MONGO), prefix, config.IDENTITY === 'local' ? userEventsTopic(config) : undefined),
          after: config.DUE_AFTER_SECONDS * 1_000,
        },
      }),
    });
    await app.startAllMicroservices();
  },
};
