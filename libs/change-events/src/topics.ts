import kafkajs, { type Admin, type Kafka } from 'kafkajs';

/** The topics of one shard. A prefix keeps shards apart that share one Kafka (design, "Change events and the worker"). */
export interface Topics {
  readonly clinics: string;
  readonly clinicians: string;
  readonly patients: string;
  readonly migrations: string;
  readonly patientInvites: string;
  readonly signUps: string;
  readonly patientArchives: string;
  readonly patientPermissions: string;
  readonly clinicianPermissions: string;
  /** What happened to the accounts of the shard's own users. */
  readonly userEvents: string;
  /** Where a consumer puts what has to wait: for its next attempt, or behind an earlier event of its document. */
  readonly retry: string;
  /** Where a consumer puts what it could not work off, with the reason. */
  readonly deadLetters: string;
  /** Whose all these are: the first claim counts. */
  readonly owner: string;
  /** Resume points of the source connectors while their collections are quiet. */
  readonly heartbeats: string;
}

/** One topic as it has to be: partitions are fixed at creation, the settings can be changed later. */
export interface TopicDefinition {
  readonly name: string;
  readonly partitions: number;
  readonly settings: Readonly<Record<string, string>>;
}

const PREFIX = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/;

/**
 * Names from a prefix. The prefix holds no dot, so that what begins with `<prefix>.` belongs to this prefix only.
 * @throws {RangeError} when the prefix is not made of lower-case letters, digits and inner hyphens or underscores
 */
export function topicsOf(prefix: string): Topics {
  assertPrefix(prefix);
  return {
    clinics: `${prefix}.clinics`,
    clinicians: `${prefix}.clinicians`,
    patients: `${prefix}.patients`,
    migrations: `${prefix}.migrations`,
    patientInvites: `${prefix}.patient-invites`,
    signUps: `${prefix}.sign-ups`,
    patientArchives: `${prefix}.patient-archives`,
    patientPermissions: `${prefix}.patient-permissions`,
    clinicianPermissions: `${prefix}.clinician-permissions`,
    userEvents: `${prefix}.user-events`,
    retry: `${prefix}.retry`,
    deadLetters: `${prefix}.dead-letters`,
    owner: `${prefix}.owner`,
    heartbeats: `${prefix}.heartbeats`,
  };
}

export const isPrefix = (text: string): boolean => PREFIX.test(text);

/** @throws {RangeError} see {@link topicsOf} */
export function assertPrefix(prefix: string): void {
  if (!isPrefix(prefix)) {
    throw new RangeError('a topic prefix is lower-case letters, digits and inner hyphens or underscores, such as au1');
  }
}

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** What a source may send and a change topic takes, in bytes. Events are far smaller, whatever their documents hold. */
export const LARGEST_MESSAGE = 8 * MIB;
/** Of the retry and dead-letter topics: a message that just fitted into its own topic comes with headers, a stack and base64 there. */
const LARGEST_WRAPPED = 16 * MIB;

/**
 * What each topic has to look like.
 * - Changes that the worker reacts to are kept whole for a week: compaction would drop transitions that were not yet reacted to.
 * - Permissions carry the whole replica row, so the newest event per row is enough: compacted, and gone after a week (least data);
 *   a replica is rebuilt from the collection, never from the topic.
 * - What waits for a retry waits a day at most. Its partitions are the runtime's own, whatever the shard's other topics have.
 * - Dead letters wait a month for an operator; compacted by their id, so that one that was dropped or replayed vanishes.
 */
export function topicDefinitions(prefix: string, partitions: number): TopicDefinition[] {
  const topics = topicsOf(prefix);
  const large = { 'max.message.bytes': String(LARGEST_MESSAGE) };
  const changes = { ...large, 'cleanup.policy': 'delete', 'retention.ms': String(7 * DAY_MS) };
  const permissions = {
    ...large,
    'cleanup.policy': 'compact,delete',
    'retention.ms': String(7 * DAY_MS),
    'segment.ms': String(DAY_MS),
  };
  const positions = {
    'cleanup.policy': 'compact,delete',
    'retention.ms': String(DAY_MS),
    'segment.ms': String(DAY_MS / 4),
  };
  return [
    ...[
      topics.clinics,
      topics.clinicians,
      topics.patients,
      topics.migrations,
      topics.patientInvites,
      topics.signUps,
      topics.userEvents,
      topics.patientArchives,
    ].map((name) => ({ name, partitions, settings: changes })),
    ...[topics.patientPermissions, topics.clinicianPermissions].map((name) => ({
      name,
      partitions,
      settings: permissions,
    })),
    ...runtimeTopicDefinitions(prefix),
    ownerTopicDefinition(prefix),
    { name: topics.heartbeats, partitions: 1, settings: positions },
  ];
}

/** One partition, so that claims have one order, and kept for ever, so that the first stays the first. */
export const ownerTopicDefinition = (prefix: string): TopicDefinition => ({
  name: topicsOf(prefix).owner,
  partitions: 1,
  settings: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
});

const RETRY_PARTITIONS = 6;

/** The topics that the consumer runtime keeps for itself. */
export function runtimeTopicDefinitions(prefix: string): TopicDefinition[] {
  const { retry, deadLetters } = topicsOf(prefix);
  const roomy = { 'max.message.bytes': String(LARGEST_WRAPPED) };
  return [
    {
      name: retry,
      partitions: RETRY_PARTITIONS,
      settings: { ...roomy, 'cleanup.policy': 'delete', 'retention.ms': String(7 * DAY_MS) },
    },
    {
      name: deadLetters,
      partitions: 1,
      settings: { ...roomy, 'cleanup.policy': 'compact,delete', 'retention.ms': String(30 * DAY_MS) },
    },
  ];
}

/** What {@link ensureTopics} found and did. */
export interface TopicsReport {
  readonly created: string[];
  readonly adjusted: string[];
  /** Topics whose partition count is not the defined one: left alone, for a change would send a document's events to another partition. */
  readonly otherPartitions: { readonly name: string; readonly defined: number; readonly found: number }[];
}

/**
 * Creates what is missing and sets right what differs; running it again changes nothing.
 * @throws kafkajs errors while Kafka is away
 */
export async function ensureTopics(kafka: Kafka, definitions: readonly TopicDefinition[]): Promise<TopicsReport> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const created = await createMissing(admin, definitions);
    const otherPartitions = await partitionDifferences(admin, definitions);
    const adjusted = await adjustSettings(admin, definitions);
    return { created, adjusted, otherPartitions };
  } finally {
    await admin.disconnect();
  }
}

async function createMissing(admin: Admin, definitions: readonly TopicDefinition[]): Promise<string[]> {
  const existing = new Set(await admin.listTopics());
  const missing = definitions.filter(({ name }) => !existing.has(name));
  if (missing.length === 0) return [];
  // Where another process is first with some of them, the others are created all the same.
  await admin.createTopics({
    topics: missing.map(({ name, partitions, settings }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor: -1,
      configEntries: entries(settings),
    })),
    waitForLeaders: true,
  });
  return missing.map(({ name }) => name);
}

async function partitionDifferences(
  admin: Admin,
  definitions: readonly TopicDefinition[],
): Promise<TopicsReport['otherPartitions']> {
  const { topics } = await admin.fetchTopicMetadata({ topics: definitions.map(({ name }) => name) });
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  return definitions.flatMap(({ name, partitions }) => {
    const found = counts.get(name) ?? 0;
    return found === partitions ? [] : [{ name, defined: partitions, found }];
  });
}

async function adjustSettings(admin: Admin, definitions: readonly TopicDefinition[]): Promise<string[]> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: definitions.map(({ name, settings }) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name,
      configNames: Object.keys(settings),
    })),
  });
  const found = new Map(resources.map((resource) => [resource.resourceName, resource.configEntries]));
  const different = definitions.filter(({ name, settings }) => {
    const values = new Map((found.get(name) ?? []).map((entry) => [entry.configName, entry.configValue]));
    return Object.entries(settings).some(([key, value]) => values.get(key) !== value);
  });
  if (different.length > 0) {
    await admin.alterConfigs({
      validateOnly: false,
      resources: different.map(({ name, settings }) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name,
        configEntries: entries(settings),
      })),
    });
  }
  return different.map(({ name }) => name);
}

const entries = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).map(([name, value]) => ({ name, value }));
