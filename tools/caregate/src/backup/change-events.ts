import { ConnectClient, type ConnectorState } from '@caregate/change-events/connect-client';
import { ownerOfConnector } from '@caregate/change-events/connector-owner';
import { type KafkaAddress, serversOf } from '@caregate/change-events/kafka-address';
import { ownerOfTopics } from '@caregate/change-events/topic-owner';
import { topicsOf } from '@caregate/change-events/topics';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import pRetry from 'p-retry';
import { CommandFailed } from '../command-failed.ts';
import { assertSameShard } from './ownership.ts';

export interface EventPlace extends KafkaAddress {
  readonly connectUrl: string;
  readonly topicPrefix: string;
  readonly userEventsTopic: string;
}

/** A group whose members have just gone counts as in use for a while. */
const PATIENCE = { retries: 100, minTimeout: 300, maxTimeout: 300 } as const;

/**
 * What Kafka and Kafka Connect remember of a database that is gone, and must not remember of the one that takes its place:
 * connectors' places in the oplog, and events that nobody has read yet, which tell of a time that is undone.
 */
export class ChangeEventPlaces {
  private readonly kafka: Kafka;
  private readonly connect: ConnectClient;
  private readonly place: EventPlace;

  constructor(place: EventPlace) {
    this.place = place;
    this.connect = new ConnectClient(place.connectUrl);
    this.kafka = new kafkajs.Kafka({
      clientId: `${place.topicPrefix}.restore`,
      ...serversOf(place),
      logLevel: kafkajs.logLevel.NOTHING,
      connectionTimeout: 3_000,
      retry: { retries: 3, initialRetryTime: 200, maxRetryTime: 1_000 },
    });
  }

  /** @throws {CommandFailed} when the topics or the connectors are another shard's */
  async assertOf(shardId: string | undefined): Promise<void> {
    const { topicPrefix } = this.place;
    assertSameShard(
      shardId,
      `what begins with ${topicPrefix}. on this Kafka`,
      await ownerOfTopics(this.kafka, topicPrefix),
    );
    for (const { name, config } of await this.ours())
      assertSameShard(shardId, `the connector ${name}`, ownerOfConnector(config));
  }

  /** The database that takes the place of the owner claims the topics when its apps start. */
  async forgetOwner(): Promise<void> {
    const topic = topicsOf(this.place.topicPrefix).owner;
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] });
    } finally {
      await admin.disconnect();
    }
  }

  /** Connectors of the shard are removed and their places forgotten; gatekeeper-sync puts them again. Gives their names. */
  async forgetConnectors(): Promise<string[]> {
    const ours = await this.ours();
    await Promise.all(ours.map(({ name }) => this.forget(name)));
    return ours.map(({ name }) => name);
  }

  private async ours(): Promise<ConnectorState[]> {
    return (await this.connect.connectors()).filter(({ name }) => name.startsWith(`${this.place.topicPrefix}.`));
  }

  private async forget(name: string): Promise<void> {
    const { connect } = this;
    await connect.stop(name);
    // Stopping takes a moment; until then Connect refuses to forget.
    await pRetry(() => connect.forgetOffsets(name), PATIENCE);
    await connect.remove(name);
  }

  /**
   * The worker and the sinks go on behind all that there is. Only what happened to users since the backup is read again: whoever had
   * themselves deleted must not come back. What had been reacted to then is remembered, and not done twice.
   */
  async skipEvents(backupTime: Date): Promise<void> {
    const { topicPrefix, userEventsTopic } = this.place;
    const topics = topicsOf(topicPrefix);
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      const there = new Set(await admin.listTopics());
      const worker = `${topicPrefix}.worker`;
      const { clinics, clinicians, patients, migrations, patientInvites, patientArchives, retry } = topics;
      for (const topic of [clinics, clinicians, patients, migrations, patientInvites, patientArchives, retry])
        if (there.has(topic)) await goOn(admin, worker, topic, await admin.fetchTopicOffsets(topic));
      if (there.has(userEventsTopic))
        await goOn(
          admin,
          worker,
          userEventsTopic,
          await admin.fetchTopicOffsetsByTimestamp(userEventsTopic, backupTime.getTime()),
        );
      for (const topic of [topics.patientPermissions, topics.clinicianPermissions])
        if (there.has(topic)) await goOn(admin, `connect-${topic}.sink`, topic, await admin.fetchTopicOffsets(topic));
    } finally {
      await admin.disconnect();
    }
  }
}

/** Where a group is that has read nothing yet. */
const NONE = '-1';

async function goOn(
  admin: Admin,
  groupId: string,
  topic: string,
  offsets: readonly { readonly partition: number; readonly offset: string }[],
): Promise<void> {
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const committed = new Map(found?.partitions.map(({ partition, offset }) => [partition, offset]));
  const partitions = offsets
    .filter(
      ({ partition, offset }) =>
        committed.get(partition) !== offset && !(offset === '0' && committed.get(partition) === NONE),
    )
    .map(({ partition, offset }) => ({ partition, offset }));
  if (partitions.length === 0) return; // to set a group takes seconds
  await pRetry(() => admin.setOffsets({ groupId, topic, partitions }), PATIENCE).catch((error: unknown) => {
    throw new CommandFailed(
      `the consumer group ${groupId} cannot be set behind the events of ${topic} (${error instanceof Error ? error.message : String(error)}): stop the shard's apps, then run this again with --again`,
    );
  });
}
