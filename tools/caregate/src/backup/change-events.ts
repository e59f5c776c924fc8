import { ConnectClient, type ConnectorState } from '@caregate/change-events/connect-client';
import { ownerOfConnector } from '@caregate/change-events/connector-owner';
import { type KafkaAddress, serversOf } from '@caregate/change-events/kafka-address';
import { ownerOfTopics } from '@caregate/change-events/topic-owner';
import { eventTopics } from '@caregate/change-events/event-log';
import type { RestoreDocument } from '@caregate/change-events/restores';
import { topicsOf } from '@caregate/change-events/topics';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import pRetry from 'p-retry';
import { CommandFailed } from '../command-failed.ts';
import { assertSameShard } from './ownership.ts';

type DealtWith = RestoreDocument['dealtWith'];

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

  /** Up to where the worker has dealt with each topic. */
  async dealtWith(): Promise<DealtWith> {
    return this.asAdmin((admin, there) =>
      placesOf(
        admin,
        this.workerGroup,
        this.workerTopics().filter((topic) => there.has(topic)),
      ),
    );
  }

  /**
   * The worker reads again what was committed since a time: the restore has undone what it did about events before the backup that it dealt with
   * later. What it had done by then is remembered and not done twice; what tells of the undone time it knows by the note of the restore. What
   * waited for its next attempt is not tried again, and the sinks go on behind all that there is.
   */
  async setBack(since: Date, dealtWith: DealtWith): Promise<void> {
    const { topicPrefix } = this.place;
    const topics = topicsOf(topicPrefix);
    await this.asAdmin(async (admin, there) => {
      for (const topic of this.workerTopics().filter((each) => there.has(each))) {
        const found = await admin.fetchTopicOffsetsByTimestamp(topic, since.getTime());
        await goOn(admin, this.workerGroup, topic, earlierOf(topic, found, dealtWith));
      }
      if (there.has(topics.retry))
        await goOn(admin, this.workerGroup, topics.retry, await admin.fetchTopicOffsets(topics.retry));
      for (const topic of [topics.patientPermissions, topics.clinicianPermissions])
        if (there.has(topic)) await goOn(admin, `connect-${topic}.sink`, topic, await admin.fetchTopicOffsets(topic));
    });
  }

  private workerTopics(): string[] {
    return [...eventTopics(this.place.topicPrefix), this.place.userEventsTopic];
  }

  private get workerGroup(): string {
    return `${this.place.topicPrefix}.worker`;
  }

  private async asAdmin<T>(work: (admin: Admin, topics: ReadonlySet<string>) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      return await work(admin, new Set(await admin.listTopics()));
    } finally {
      await admin.disconnect();
    }
  }
}

/** Where a group is that has read nothing yet. */
const NONE = '-1';

async function placesOf(admin: Admin, groupId: string, topics: readonly string[]): Promise<DealtWith> {
  const found = await admin.fetchOffsets({ groupId, topics: [...topics] });
  return found.flatMap(({ topic, partitions }) =>
    partitions.filter(({ offset }) => offset !== NONE).map(({ partition, offset }) => ({ topic, partition, offset })),
  );
}

/** What the worker had not dealt with is read, however old it is. */
function earlierOf(
  topic: string,
  offsets: readonly { readonly partition: number; readonly offset: string }[],
  dealtWith: DealtWith,
) {
  return offsets.map(({ partition, offset }) => {
    const known = dealtWith.find((place) => place.topic === topic && place.partition === partition)?.offset;
    return { partition, offset: known !== undefined && BigInt(known) < BigInt(offset) ? known : offset };
  });
}

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
      `the place of the consumer group ${groupId} in ${topic} cannot be set (${error instanceof Error ? error.message : String(error)}): stop the shard's apps, then run this again with --again`,
    );
  });
}
