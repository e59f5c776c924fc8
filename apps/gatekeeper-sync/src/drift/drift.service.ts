import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type PermissionReplica, permissionReplicas } from '@caregate/change-events';
import { CONFIG, LOGGER, type Logger, Metrics } from '@caregate/service';
import pLimit from 'p-limit';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatekeeperSyncConfig } from '../config.ts';
import { Lease } from '../connectors/lease.ts';
import { ReplicaDoubts } from '../connectors/replica-doubts.ts';
import { CanaryService } from '../replication/canary.service.ts';
import { DriftRepository, type Id, type Range, type Row, sameRow } from './drift.repository.ts';

export type DriftKind = 'missing' | 'extra' | 'different';

/** What a check of one replica found. Rows that only lag behind are none of it. */
export interface DriftReport {
  readonly replica: string;
  readonly rows: number;
  readonly drift: Readonly<Record<DriftKind, number>>;
  readonly repaired: number;
}

interface Difference {
  readonly id: Id;
  readonly source: Row | undefined;
  readonly replica: Row | undefined;
}

const LEASE = 'drift';
/** Of a check that a doubt calls for. It is short, in seconds: as long as a doubt lasts, reads that must be fresh are refused. */
const DOUBT_LEASE = { name: 'drift in doubt', seconds: 60 } as const;
/** In milliseconds: how soon a doubt is noticed. */
const LOOK_FOR_DOUBTS_EVERY_MS = 1_000;
/** A difference counts as drift when it has outlasted so many canaries: one finds it; the second tells it from a document that was set back meanwhile. */
const CONFIRMATIONS = 2;
const RANGE = 5_000;
const RETRY_AFTER_MS = 5_000;
const REPAIR_ATTEMPTS = 5;
const REPAIRS_AT_ONCE = 8;

/** Compares each replica with its source, again and again, and repairs what differs (design, decision 8). */
@Injectable()
export class DriftService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private readonly found;
  private readonly checked;
  private readonly lastCheck;

  constructor(
    @Inject(CONFIG) private readonly config: GatekeeperSyncConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly rows: DriftRepository,
    private readonly canary: CanaryService,
    private readonly lease: Lease,
    private readonly doubts: ReplicaDoubts,
    metrics: Metrics,
  ) {
    this.found = metrics.counter(
      'caregate_drift_rows_total',
      'Rows of a replica that differed from their source and were repaired',
      ['replica', 'kind'],
    );
    this.checked = metrics.counter('caregate_drift_checked_rows_total', 'Rows compared with their source', ['replica']);
    this.lastCheck = metrics.gauge(
      'caregate_drift_last_check_seconds',
      'When the last whole check ended, in seconds since 1970',
      ['replica'],
    );
  }

  onApplicationBootstrap(): void {
    this.running = this.keepChecking();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async keepChecking(): Promise<void> {
    const everyMs = this.config.DRIFT_CHECK_SECONDS * 1000;
    let waitMs = everyMs;
    while (!this.stopping.signal.aborted) {
      await this.until(waitMs);
      if (this.stopping.signal.aborted) break;
      waitMs = (await this.checkInTurn()) ? everyMs : Math.min(everyMs, RETRY_AFTER_MS);
    }
    for (const name of [LEASE, DOUBT_LEASE.name]) await this.lease.release(name).catch(() => undefined); // it runs out by itself
  }

  /** Waits for the next turn, or for a doubt, which calls for a check at once. */
  private async until(waitMs: number): Promise<void> {
    const { signal } = this.stopping;
    const end = performance.now() + waitMs;
    do {
      const leftMs = Math.max(0, end - performance.now());
      await pause(Math.min(leftMs, LOOK_FOR_DOUBTS_EVERY_MS), undefined, { signal }).catch(() => undefined); // aborted: the app stops
    } while (!signal.aborted && performance.now() < end && !(await this.isAnyInDoubt()));
  }

  private async isAnyInDoubt(): Promise<boolean> {
    const open = await this.doubts.open().catch(() => []); // the database is away; the next look tells
    return open.length > 0;
  }

  private async checkInTurn(): Promise<boolean> {
    try {
      const doubts = await this.doubts.open();
      if (!(await this.isOurTurn(doubts.length > 0))) return true;
      await this.checkAll();
      if (!this.stopping.signal.aborted) await this.doubts.settle(doubts);
      return true;
    } catch (error) {
      this.logger.warn({ err: error }, 'the replicas could not be checked; trying again soon');
      return false;
    }
  }

  private isOurTurn(isInDoubt: boolean): Promise<boolean> {
    return isInDoubt
      ? this.lease.hold(DOUBT_LEASE.name, DOUBT_LEASE.seconds)
      : this.lease.hold(LEASE, 2 * this.config.DRIFT_CHECK_SECONDS);
  }

  async checkAll(): Promise<DriftReport[]> {
    const reports: DriftReport[] = [];
    for (const replica of permissionReplicas) reports.push(await this.check(replica));
    return reports;
  }

  /**
   * Compares by ranges: counts and hashes first, rows only where those differ.
   * @throws {ServiceUnavailable} when the replica is so far behind that lag can not be told from drift
   */
  async check(replica: PermissionReplica): Promise<DriftReport> {
    const drift = { missing: 0, extra: 0, different: 0 };
    let [rows, repaired] = [0, 0];
    for await (const range of this.rows.ranges(replica, RANGE)) {
      const { count, differences } = await this.differencesIn(replica, range);
      rows += count;
      for (const difference of differences) drift[kindOf(difference)]++;
      const outcomes = await pLimit(REPAIRS_AT_ONCE).map(differences, (difference) => this.repair(replica, difference));
      repaired += outcomes.filter(Boolean).length;
      if (this.stopping.signal.aborted) break;
    }
    const report = { replica: replica.replica, rows, drift, repaired };
    this.note(report);
    return report;
  }

  private async differencesIn(
    replica: PermissionReplica,
    range: Range,
  ): Promise<{ count: number; differences: Difference[] }> {
    const [source, target] = await Promise.all([
      this.rows.digest(replica, 'source', range),
      this.rows.digest(replica, 'replica', range),
    ]);
    if (source.count === target.count && source.sum === target.sum) return { count: source.count, differences: [] };
    const suspects = await this.compare(replica, range);
    return { count: source.count, differences: suspects.length > 0 ? await this.lasting(replica, suspects) : [] };
  }

  private async compare(replica: PermissionReplica, range: Range): Promise<Difference[]> {
    return differencesOf(
      await Promise.all([this.rows.rows(replica, 'source', range), this.rows.rows(replica, 'replica', range)]),
    );
  }

  private async look(replica: PermissionReplica, ids: readonly Id[]): Promise<Difference[]> {
    return differencesOf(
      await Promise.all([this.rows.rowsOf(replica, 'source', ids), this.rows.rowsOf(replica, 'replica', ids)]),
    );
  }

  /**
   * Whatever was on its way when the range was compared has arrived once a canary has passed. What differs then is drift, as long as its
   * document is the same before the canary was sent and after the replica was read.
   */
  private async lasting(replica: PermissionReplica, suspects: readonly Difference[]): Promise<Difference[]> {
    let lasting = suspects;
    for (let n = 0; lasting.length > 0 && n < CONFIRMATIONS; n++) {
      const ids = lasting.map(({ id }) => id);
      const before = await this.rows.versionsOf(replica, ids);
      await this.canary.pass(replica, this.config.LAG_LIMIT_SECONDS * 1000);
      const still = await this.look(replica, ids);
      const after = await this.rows.versionsOf(replica, ids);
      lasting = still.filter(({ id }) => before.get(String(id)) === after.get(String(id)));
    }
    return [...lasting];
  }

  /** Gives the replica's row what its source has, and looks again: a change of the source meanwhile is written, too. */
  private async repair(replica: PermissionReplica, difference: Difference): Promise<boolean> {
    let differing: Difference | undefined = difference;
    for (let attempt = 0; differing && attempt < REPAIR_ATTEMPTS; attempt++) {
      await this.rows.setRow(replica, differing.replica, differing.source);
      [differing] = await this.look(replica, [difference.id]);
    }
    return !differing; // otherwise it changes all the time, and the next check sees how it ended
  }

  private note({ replica, rows, drift, repaired }: DriftReport): void {
    for (const [kind, count] of Object.entries(drift)) this.found.inc({ replica, kind }, count);
    this.checked.inc({ replica }, rows);
    this.lastCheck.set({ replica }, Date.now() / 1000);
    const differed = Object.values(drift).some((count) => count > 0);
    if (differed)
      this.logger.error({ replica, rows, drift, repaired }, 'the replica had drifted from its source and was repaired');
    else this.logger.debug({ replica, rows }, 'the replica equals its source');
  }
}

function kindOf({ source, replica }: Difference): DriftKind {
  if (!replica) return 'missing';
  return source ? 'different' : 'extra';
}

function differencesOf([source, replica]: readonly [readonly Row[], readonly Row[]]): Difference[] {
  const wanted = new Map(source.map((row) => [String(row._id), row]));
  const found = new Map(replica.map((row) => [String(row._id), row]));
  return [...new Map([...wanted, ...found])]
    .map(([key, { _id }]) => ({ id: _id, source: wanted.get(key), replica: found.get(key) }))
    .filter((each) => !sameRow(each.source, each.replica));
}
