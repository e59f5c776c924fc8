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
type Place = DealtWith[number];

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
      const wanted: Place[] = [];
      for (const topic of this.workerTopics().filter((each) => there.has(each)))
        wanted.push(
          ...earlierOf(placesIn(topic, await admin.fetchTopicOffsetsByTimestamp(topic, since.getTime())), dealtWith),
        );
      if (there.has(topics.retry)) wanted.push(...placesIn(topics.retry, await admin.fetchTopicOffsets(topics.retry)));
      await this.put(admin, this.workerGroup, wanted);
      for (const topic of [topics.patientPermissions, topics.clinicianPermissions])
        if (there.has(topic))
          await this.put(admin, `connect-${topic}.sink`, placesIn(topic, await admin.fetchTopicOffsets(topic)));
    });
  }

  /** Puts a consumer group, none of whose members runs, to places in topics. */
  private async put(admin: Admin, groupId: string, wanted: readonly Place[]): Promise<void> {
    const committed = await placesOf(admin, groupId, [...new Set(wanted.map(({ topic }) => topic))]);
    const places = wanted.filter((place) => place.offset !== (placeIn(committed, place)?.offset ?? '0'));
    if (places.length === 0) return; // to put a group takes seconds
    await pRetry(async () => {
      const { groups } = await admin.describeGroups([groupId]);
      const state = groups[0]?.state;
      if (state !== 'Empty' && state !== 'Dead') throw new Error(`its state is ${state}`);
      await this.commit(groupId, places);
    }, PATIENCE).catch((error: unknown) => {
      throw new CommandFailed(
        `the places of the consumer group ${groupId} cannot be set (${error instanceof Error ? error.message : String(error)}): stop the shard's apps, then run this again with --again`,
      );
    });
  }

  /** As the only member, for a moment. The client's own `setOffsets` joins the group anew for each topic, which takes seconds each. */
  private async commit(groupId: string, places: readonly Place[]): Promise<void> {
    const consumer = this.kafka.consumer({ groupId, allowAutoTopicCreation: false });
    const topics = [...new Set(places.map(({ topic }) => topic))];
    await consumer.connect();
    try {
      const joined = new Promise<void>((resolve, reject) => {
        consumer.on(consumer.events.GROUP_JOIN, () => resolve());
        consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      });
      await consumer.subscribe({ topics, fromBeginning: true });
      await Promise.all([joined, consumer.run({ autoCommit: false, eachBatch: async () => {} })]);
      await consumer.commitOffsets([...places]);
    } finally {
      await consumer.disconnect();
    }
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

async function placesOf(admin: Admin, groupId: string, topics: readonly string[]): Promise<Place[]> {
  const found = await admin.fetchOffsets({ groupId, topics: [...topics] });
  return found.flatMap(({ topic, partitions }) => placesIn(topic, partitions)).filter(({ offset }) => offset !== NONE);
}

const placesIn = (
  topic: string,
  offsets: readonly { readonly partition: number; readonly offset: string }[],
): Place[] => offsets.map(({ partition, offset }) => ({ topic, partition, offset }));

const placeIn = (places: readonly Place[], { topic, partition }: Place) =>
  places.find((place) => place.topic === topic && place.partition === partition);

/** What the worker had not dealt with is read, however old it is. */
function earlierOf(places: readonly Place[], dealtWith: DealtWith): Place[] {
  return places.map((place) => {
    const known = placeIn(dealtWith, place);
    return known && BigInt(known.offset) < BigInt(place.offset) ? known : place;
  });
}
