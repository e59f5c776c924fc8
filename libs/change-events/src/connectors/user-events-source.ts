import { USER_EVENTS } from '@caregate/identity';
import { topicsOf } from '../topics.ts';
import { type ConnectorDefinition, type ConnectorPlace, type SourceStart, sourceConnector } from './definition.ts';
import type { Stage } from './pipeline.ts';

/** Each event is published as it was written, and under its user's id, so that a user's events stay in one partition, in order. */
const PIPELINE: readonly Stage[] = [
  { $match: { operationType: 'insert' } },
  {
    $project: {
      ...{ _id: 1, operationType: 1, clusterTime: 1, ns: 1 },
      documentKey: { _id: '$fullDocument.event.subject' },
      fullDocument: '$fullDocument.event',
    },
  },
];

/**
 * Publishes what the local identity notes of its users: CloudEvents 1.0 in structured mode, on the shard's own topic. Only for shards that
 * keep their users themselves.
 */
export function userEventsConnector(
  { prefix, clinicUri, clinicReference }: ConnectorPlace,
  start: SourceStart,
): ConnectorDefinition {
  const { heartbeats, userEvents } = topicsOf(prefix);
  const source = sourceConnector({
    name: `${prefix}.user-events.source`,
    uri: clinicUri,
    reference: clinicReference,
    collections: [USER_EVENTS],
    topic: userEvents,
    pipeline: PIPELINE,
    heartbeats,
    times: ['createdTime'],
    start,
  });
  return { ...source, config: { ...source.config, 'publish.full.document.only': 'true', ...contentType(source) } };
}

/** By it receivers tell structured from binary mode (Kafka protocol binding for CloudEvents, 3.3). */
const contentType = ({ config }: ConnectorDefinition) => ({
  transforms: `${config['transforms']},contentType`,
  'transforms.contentType.type': 'org.apache.kafka.connect.transforms.InsertHeader',
  'transforms.contentType.header': 'content-type',
  'transforms.contentType.value.literal': 'application/cloudevents+json; charset=UTF-8',
  'transforms.contentType.predicate': 'heartbeat',
  'transforms.contentType.negate': 'true',
});
