import { createHash } from 'node:crypto';
import { LARGEST_MESSAGE } from '../topics.ts';
import { type Stage, WITHOUT_LARGE_DOCUMENT } from './pipeline.ts';

/** One connector, as it is put to Kafka Connect. All values of its configuration are strings. */
export interface ConnectorDefinition {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
}

/** Where a shard's connectors read, write and begin. */
export interface ConnectorPlace {
  /** Of topics and connectors: what begins with `<prefix>.` is ours. */
  readonly prefix: string;
  /** The clinic database, as Connect reaches it; the database is in the path. */
  readonly clinicUri: string;
  readonly gatekeeperUri: string;
  /**
   * What connectors are configured with in place of the addresses: references such as `${file:/run/secrets/au1.properties:clinic}`, which
   * Connect's config providers resolve, so that its REST interface and its topic show no password.
   */
  readonly clinicReference?: string | undefined;
  readonly gatekeeperReference?: string | undefined;
  /** At most so many tasks per sink; more than the topic has partitions is of no use. */
  readonly sinkTasks: number;
}

/** @throws {RangeError} when the address names no database */
export function databaseOf(uri: string): string {
  const name = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^/?]+)/.exec(uri)?.[1];
  if (name === undefined) throw new RangeError('the MongoDB address has no database in its path');
  return decodeURIComponent(name);
}

/** An event's key is its document's id as plain text, so that a document's events stay in one partition, in order. */
const keyIsDocumentId = (heartbeats: string) => ({
  'output.format.key': 'schema',
  'output.schema.key': JSON.stringify({
    type: 'record',
    name: 'key',
    fields: [
      { name: 'documentKey', type: { type: 'record', name: 'documentKey', fields: [{ name: '_id', type: 'string' }] } },
    ],
  }),
  transforms: 'id',
  'transforms.id.type': 'org.apache.kafka.connect.transforms.ExtractField$Key',
  'transforms.id.field': 'documentKey._id',
  'transforms.id.field.syntax.version': 'V2',
  'transforms.id.predicate': 'heartbeat',
  'transforms.id.negate': 'true',
  predicates: 'heartbeat',
  'predicates.heartbeat.type': 'org.apache.kafka.connect.transforms.predicates.TopicNameMatches',
  'predicates.heartbeat.pattern': heartbeats.replaceAll('.', '\\.'), // heartbeats have a plain key already
  'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
});

export interface SourceOptions {
  readonly name: string;
  readonly uri: string;
  /** In place of the address, which still names the database. */
  readonly reference?: string | undefined;
  /** One collection, or several of one database whose changes share one stream. */
  readonly collections: readonly string[];
  readonly topic: string;
  readonly pipeline: readonly Stage[];
  /** Collections that a snapshot leaves out. */
  readonly notCopied?: readonly string[];
  readonly heartbeats: string;
  readonly start: SourceStart;
  /** Fields of the documents by which a snapshot since some time chooses what it copies. */
  readonly times?: readonly string[];
  /**
   * How long an event may wait for others to travel with, in milliseconds; not at all unless given. Alone, each costs a request to the
   * broker and one of every consumer.
   */
  readonly lingerMs?: number;
}

/** A time of the database's oplog: seconds, and the number within the second. */
export interface OplogTime {
  readonly t: number;
  readonly i: number;
}

/**
 * Where a source begins when it has no offset yet: at a time of the oplog, or with a snapshot of what there is. A snapshot `since` a time
 * copies only documents that changed after it, and each event says so (`ChangeEvent.changedSince`).
 */
export type SourceStart =
  { readonly mode: 'timestamp'; readonly at: OplogTime } | { readonly mode: 'copy_existing'; readonly since?: Date };

/** A source connector: one change stream, read by one task, in the order of the oplog. */
export function sourceConnector(options: SourceOptions): ConnectorDefinition {
  const database = databaseOf(options.uri);
  const only = options.collections.length === 1 ? options.collections[0] : undefined;
  return {
    name: options.name,
    config: {
      'connector.class': 'com.mongodb.kafka.connect.MongoSourceConnector',
      'tasks.max': '1',
      'connection.uri': options.reference ?? options.uri,
      database,
      ...(only !== undefined && { collection: only }),
      'topic.namespace.map': JSON.stringify({ '*': options.topic }),
      pipeline: JSON.stringify([...options.pipeline, WITHOUT_LARGE_DOCUMENT]),
      'change.stream.full.document': 'updateLookup',
      ...startSettings(
        options,
        options.collections
          .filter((collection) => !options.notCopied?.includes(collection))
          .map((collection) => `${database}.${collection}`),
      ),
      'output.format.value': 'json',
      'output.json.formatter': 'com.mongodb.kafka.connect.source.json.formatter.ExtendedJson',
      'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      ...keyIsDocumentId(options.heartbeats),
      // The server answers a poll as soon as there is something, so a long wait costs no latency and spares it idle polls.
      'poll.await.time.ms': '1000',
      'poll.max.batch.size': '1000',
      'heartbeat.interval.ms': '10000',
      'heartbeat.topic.name': options.heartbeats,
      'errors.tolerance': 'none',
      'producer.override.linger.ms': String(options.lingerMs ?? 0),
      'producer.override.max.request.size': String(LARGEST_MESSAGE),
    },
  };
}

function startSettings({ start, times = [] }: SourceOptions, namespaces: readonly string[]): Record<string, string> {
  if (start.mode === 'timestamp') {
    const at = JSON.stringify({ $timestamp: { t: start.at.t, i: start.at.i } });
    return { 'startup.mode': 'timestamp', 'startup.mode.timestamp.start.at.operation.time': at };
  }
  return {
    'startup.mode': 'copy_existing',
    'startup.mode.copy.existing.namespace.regex': `^(${namespaces.map((name) => name.replaceAll('.', '\\.')).join('|')})$`,
    ...(start.since && { 'startup.mode.copy.existing.pipeline': JSON.stringify(changedSince(start.since, times)) }),
  };
}

/** Without fields to choose by, everything is copied. */
function changedSince(since: Date, times: readonly string[]): Stage[] {
  const time = { $date: since.toISOString() };
  const recent = times.map((field) => ({ [field]: { $gte: time } }));
  return [...(recent.length > 0 ? [{ $match: { $or: recent } }] : []), { $set: { changedSince: time } }];
}

export interface SinkOptions {
  readonly name: string;
  readonly uri: string;
  readonly reference?: string | undefined;
  readonly topic: string;
  readonly tasks: number;
}

/**
 * A sink connector that replays change events into another database by the connector's own change handler,
 * each into the collection that the event names (see `replicaPipeline`).
 */
export function replicaSink({ name, uri, reference = uri, topic, tasks }: SinkOptions): ConnectorDefinition {
  return {
    name,
    config: {
      'connector.class': 'com.mongodb.kafka.connect.MongoSinkConnector',
      'tasks.max': String(tasks),
      'connection.uri': reference,
      topics: topic,
      database: databaseOf(uri),
      'namespace.mapper': 'com.mongodb.kafka.connect.sink.namespace.mapping.FieldPathNamespaceMapper',
      'namespace.mapper.value.collection.field': 'ns.coll',
      'namespace.mapper.error.if.invalid': 'true',
      'change.data.capture.handler': 'com.mongodb.kafka.connect.sink.cdc.mongodb.ChangeStreamHandler',
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      // A write that fails stops the task, which is restarted: tolerating it would lose the row.
      'errors.tolerance': 'none',
      'consumer.override.auto.offset.reset': 'earliest',
      'consumer.override.fetch.min.bytes': '1',
      'consumer.override.max.poll.records': '2000',
      'consumer.override.metadata.max.age.ms': '5000',
      'consumer.override.session.timeout.ms': '10000',
      'consumer.override.heartbeat.interval.ms': '2000',
    },
  };
}

/** Short and stable, for names and logs: tells two configurations apart without showing either. */
export function fingerprint(config: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(config).sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 12);
}
