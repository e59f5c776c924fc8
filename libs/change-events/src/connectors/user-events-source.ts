import { USER_EVENTS } from '@caregate/identity/user-events';
import type { Connection } from 'mongoose';
import { IN_NO_TOPIC, type RawMessage } from '../runtime/event-stream.ts';
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
const CONTENT_TYPE = 'application/cloudevents+json; charset=UTF-8';

const contentType = ({ config }: ConnectorDefinition) => ({
  transforms: `${config['transforms']},contentType`,
  'transforms.contentType.type': 'org.apache.kafka.connect.transforms.InsertHeader',
  'transforms.contentType.header': 'content-type',
  'transforms.contentType.value.literal': CONTENT_TYPE,
  'transforms.contentType.predicate': 'heartbeat',
  'transforms.contentType.negate': 'true',
});

/** What tells an event from every other. */
export const userEventId = ({ source, id }: { readonly source: string; readonly id: string }): string =>
  `${source}#${id}`;

interface UserEventDocument {
  readonly createdTime: Date;
  readonly event: { readonly type: string; readonly subject: string };
}

/** Reads what happened to the shard's own users from the database, as the connector publishes it: the ids are those of the first time. */
export async function* writtenUserEvents({
  connection,
  topic,
  types,
  since,
  until,
}: {
  readonly connection: Connection;
  readonly topic: string;
  /** All unless given. */
  readonly types?: readonly string[];
  readonly since: Date;
  readonly until: Date;
}): AsyncGenerator<RawMessage> {
  const written = connection.getClient().db(connection.name).collection<UserEventDocument>(USER_EVENTS);
  const wanted = {
    createdTime: { $gte: since, $lte: until },
    ...(types && { 'event.type': { $in: [...types] } }),
  };
  for await (const { createdTime, event } of written.find(wanted).sort({ createdTime: 1 })) {
    yield {
      topic,
      partition: 0,
      offset: IN_NO_TOPIC,
      key: Buffer.from(event.subject),
      value: Buffer.from(JSON.stringify(event)),
      headers: { 'content-type': CONTENT_TYPE },
      time: createdTime,
    };
  }
}
