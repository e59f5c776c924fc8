import type { Admin, Kafka } from 'kafkajs';
import { TopicIds } from '../topic-ids.ts';
import type { EventGap, ReadPosition, ReadPositions } from './read-positions.ts';

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** Where reading a partition goes on: where the group was, or at the beginning of a topic that was made anew; and what is missing before. */
export interface Place extends Partition {
  /** Of the topic that there is; empty where the broker knows no ids. */
  readonly topicId: string;
  /** Offset from which the topic is to be read, where that is not the group's own. */
  readonly from?: bigint;
  readonly gap?: EventGap;
}

/**
 * Whether an offset still means what it meant. An offset belongs to one topic, and a topic that was deleted and created again is another one
 * of the same name: offsets of the former would hide its first messages. What the topic no longer has and nobody has read is a gap.
 */
export class PartitionPlaces {
  private readonly kafka: Kafka;
  private readonly groupId: string;
  private readonly positions: ReadPositions;
  private readonly topicIds: TopicIds;

  constructor({ kafka, groupId, positions }: { kafka: Kafka; groupId: string; positions: ReadPositions }) {
    this.kafka = kafka;
    this.groupId = groupId;
    this.positions = positions;
    this.topicIds = new TopicIds(kafka);
  }

  /** The ids of topics that there are. @throws kafkajs errors while Kafka is away */
  ids(topics: readonly string[]): Promise<Map<string, string>> {
    return this.topicIds.of(topics);
  }

  /**
   * Where partitions of topics that there are go on, by the ids that their topics have now.
   * @param reading how far this process has read those that it reads already
   * @throws kafkajs and MongoDB errors while one of them is away
   */
  async find(
    partitions: readonly Partition[],
    ids: ReadonlyMap<string, string>,
    reading: ReadonlyMap<string, bigint>,
  ): Promise<Place[]> {
    if (partitions.length === 0) return [];
    const known = await this.positions.load();
    const fresh: ReadPosition[] = [];
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      const places: Place[] = [];
      for (const [topic, some] of Map.groupBy(partitions, ({ topic: name }) => name)) {
        const committed = await committedOf(admin, this.groupId, topic);
        const bounds = new Map((await admin.fetchTopicOffsets(topic)).map((each) => [each.partition, each]));
        for (const { partition } of some) {
          const found = bounds.get(partition);
          if (!found) continue; // the topic is being deleted
          const name = `${topic}/${partition}`;
          const position = known.get(name);
          const here = { topic, partition, topicId: ids.get(topic) ?? '' };
          const offset = committed.get(partition) ?? NONE;
          const log = { low: BigInt(found.low), high: BigInt(found.high) };
          // What was committed before positions were kept is of the topic that there is: Kafka forgets it with a topic.
          if (!position) fresh.push(firstPosition(here, log, offset));
          places.push(placeOf(here, log, position, reading.get(name) ?? later(position?.offset, offset)));
        }
      }
      await this.positions.save(fresh);
      return places;
    } finally {
      await admin.disconnect();
    }
  }

  /** Notes how far partitions were read. */
  save(positions: readonly ReadPosition[]): Promise<void> {
    return this.positions.save(positions);
  }

  noteGaps(gaps: readonly EventGap[]): Promise<void> {
    return this.positions.noteGaps(gaps);
  }

  close(): Promise<void> {
    return this.topicIds.close();
  }
}

/** What an offset is where none was committed. */
const NONE = -1n;

async function committedOf(admin: Admin, groupId: string, topic: string): Promise<Map<number, bigint>> {
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
  return new Map(found?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

/** Of a partition that is read for the first time, or since before positions were kept: when its next message was written is not known. */
function firstPosition(
  here: Partition & { readonly topicId: string },
  { low, high }: { readonly low: bigint; readonly high: bigint },
  committed: bigint,
): ReadPosition {
  const offset = committed === NONE ? low : committed;
  return { ...here, offset, time: offset === high ? new Date() : new Date(0) };
}

const later = (one: bigint | undefined, other: bigint) => (one !== undefined && one > other ? one : other);

function placeOf(
  here: Partition & { readonly topicId: string },
  { low, high }: { readonly low: bigint; readonly high: bigint },
  position: ReadPosition | undefined,
  read: bigint,
): Place {
  const { topic, partition } = here;
  const foundTime = new Date();
  const since = position?.time ?? new Date(0);
  if (position && isAnother(position, here.topicId, high))
    return { ...here, from: low, gap: { topic, partition, cause: 'topic made anew', since, foundTime } };
  if (read === NONE || read >= low) return here;
  // The client goes on at the first message that there is.
  const messages = Number(low - read);
  return { ...here, gap: { topic, partition, cause: 'events expired', messages, since, foundTime } };
}

/** Also where ids are not known, or a broker has lost the end of its log: what ends before that which was read of it is not what was read. */
const isAnother = (position: ReadPosition, topicId: string, high: bigint) =>
  (position.topicId !== '' && topicId !== '' && position.topicId !== topicId) || high < position.offset;
