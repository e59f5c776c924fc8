import { Inject, Injectable } from '@nestjs/common';
import { CANARIES, type PermissionReplica, topicPrefix, topicsOf } from '@caregate/change-events';
import { CONFIG, InjectMongo, ServiceUnavailable } from '@caregate/service';
import type { Kafka } from 'kafkajs';
import type { Connection } from 'mongoose';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatekeeperSyncConfig } from '../config.ts';
import { KAFKA } from '../connectors/kafka.ts';
import { InjectGatekeeper } from '../gatekeeper-database.ts';
import { canaryIds } from './canary-ids.ts';

/** One a partition: it is counted up in the clinic database and travels to the gatekeeper database as the rows do. */
interface Canary {
  readonly _id: string;
  readonly sent: number;
}

/**
 * Above every value that the canary has had: above the one that is there, and at least the database's time in milliseconds. By the time it is
 * above those that a restore has undone, too, which may have arrived already.
 */
const COUNTED_UP = { $max: [{ $add: [{ $ifNull: ['$sent', 0] }, 1] }, { $toLong: '$$NOW' }] };

/** Often at first, and less the longer it takes: a replica that is behind is not helped by questions. */
const nextLookMs = (waitedMs: number) => Math.min(250, 5 + waitedMs / 10);
const KNOWN_FOR_MS = 60_000;

/**
 * Sends a canary through every partition of a replica's topic. Events of a partition keep their order, so once all have arrived,
 * everything is there that was committed before they were sent.
 */
@Injectable()
export class CanaryService {
  private readonly ids = new Map<string, { readonly ids: readonly string[]; readonly until: number }>();

  constructor(
    @Inject(CONFIG) private readonly config: GatekeeperSyncConfig,
    @Inject(KAFKA) private readonly kafka: Kafka,
    @InjectMongo() private readonly clinic: Connection,
    @InjectGatekeeper() private readonly gatekeeper: Connection,
  ) {}

  /**
   * Waits until the replica holds whatever was committed before this call.
   * @returns how long it took, in milliseconds
   * @throws {ServiceUnavailable} when it does not within `timeoutMs`
   */
  async pass(replica: PermissionReplica, timeoutMs: number): Promise<number> {
    const begin = performance.now();
    const ids = await this.idsOf(replica);
    const sent = await Promise.all(ids.map((id) => this.send(replica, id)));
    while (!(await this.haveArrived(sent))) {
      const waitedMs = performance.now() - begin;
      if (waitedMs > timeoutMs) {
        throw new ServiceUnavailable(
          `${replica.replica} is more than ${timeoutMs} ms behind; try again later`,
          timeoutMs / 1000,
        );
      }
      await pause(nextLookMs(waitedMs));
    }
    return performance.now() - begin;
  }

  private async send({ canaries }: PermissionReplica, _id: string): Promise<Canary> {
    const canary = await this.clinic
      .collection<Canary>(canaries)
      .findOneAndUpdate({ _id }, [{ $set: { sent: COUNTED_UP } }], { upsert: true, returnDocument: 'after' });
    if (!canary) throw new Error('an upsert gave no document');
    return canary;
  }

  private async haveArrived(sent: readonly Canary[]): Promise<boolean> {
    const arrived = await this.gatekeeper
      .collection<Canary>(CANARIES)
      .find({ _id: { $in: sent.map(({ _id }) => _id) } })
      .toArray();
    const counts = new Map(arrived.map((canary) => [canary._id, canary.sent]));
    return sent.every((canary) => (counts.get(canary._id) ?? -1) >= canary.sent);
  }

  /** Asked for again now and then: an operator may have added partitions. */
  private async idsOf({ topic }: PermissionReplica): Promise<readonly string[]> {
    const name = topicsOf(topicPrefix(this.config))[topic];
    const known = this.ids.get(name);
    if (known && performance.now() < known.until) return known.ids;
    const ids = canaryIds(name, await this.partitionsOf(name));
    this.ids.set(name, { ids, until: performance.now() + KNOWN_FOR_MS });
    return ids;
  }

  private async partitionsOf(topic: string): Promise<number> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const partitions = topics[0]?.partitions.length ?? 0;
      if (partitions === 0) throw new Error(`${topic} has no partitions yet`);
      return partitions;
    } catch (error) {
      throw new ServiceUnavailable('Kafka does not answer; try again later', 1, { cause: error });
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
