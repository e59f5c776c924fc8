import pRetry from 'p-retry';
import { ConnectRejected, type ConnectClient, type ConnectorState, withoutSecrets } from './connect-client.ts';
import type { ShardOwner } from '@caregate/service';
import { assertOwn, ownedBy } from './connector-owner.ts';
import type { ConnectorDefinition } from './definition.ts';
import { withOperatorSettings } from './operator-settings.ts';
import { isPoisoned } from './poisoned-sink.ts';
import { assertPrefix } from '../topics.ts';

/** What one reconciliation found and did. */
export interface ReconcileReport {
  readonly created: string[];
  readonly changed: string[];
  readonly removed: string[];
  readonly restarted: string[];
  /** Sources whose resume point was gone from the oplog and that began anew, with a snapshot. */
  readonly begunAnew: { readonly name: string }[];
  /** Sinks that a message stopped which is no change event, and how many such messages were put to the dead letters. */
  readonly poisoned: { readonly name: string; readonly messages: number }[];
  /** What has failed or is refused, and why. */
  readonly failing: { readonly name: string; readonly reason: string }[];
  /** What neither runs nor has failed: it is being started, or waits for a rebalance of Connect. */
  readonly unsettled: { readonly name: string; readonly reason: string }[];
}

export interface ReconcilerOptions {
  readonly client: ConnectClient;
  /** Connectors whose name begins with `<prefix>.` are ours: those that are not defined are removed. */
  readonly prefix: string;
  /** Whose the connectors are; what belongs to another is not touched. */
  readonly owner?: () => Promise<ShardOwner>;
  /** In milliseconds; for tests. */
  readonly now?: () => number;
  /** Called before a connector begins: one that was not there, or that begins anew. */
  readonly beforeBeginning?: (definition: ConnectorDefinition) => Promise<void>;
  /** Gives the definition with which a source begins that has lost its resume point; by default its own. */
  readonly newBeginning?: (definition: ConnectorDefinition) => Promise<ConnectorDefinition>;
  /** Puts the messages aside that stop a sink, and says how many they were; by default they stay. */
  readonly putPoisonAside?: (sink: { readonly name: string; readonly topic: string }) => Promise<number>;
}

const FIRST_RESTART_AFTER_MS = 1_000;
const LAST_RESTART_AFTER_MS = 30_000;
/** A task that has run for so long counts as cured. */
const CURED_AFTER_MS = 60_000;

interface Failures {
  count: number;
  restartAt: number;
  failedAt: number;
}

/** Keeps Kafka Connect's connectors as they are defined in code. */
export class ConnectorReconciler {
  private readonly failures = new Map<string, Failures>();
  private readonly now: () => number;

  /** @throws {RangeError} when the prefix can not be one */
  constructor(private readonly options: ReconcilerOptions) {
    assertPrefix(options.prefix);
    this.now = options.now ?? Date.now;
  }

  /**
   * Puts what differs, removes what is ours but no longer defined, restarts what failed (with growing pauses), and gives a source whose
   * resume point is lost a new beginning. Running it again when nothing differs changes nothing.
   * @throws {ConnectUnavailable} while Kafka Connect is away or rebalancing
   * @throws {ForeignOwner} when connectors of our names belong to another
   */
  async reconcile(definitions: readonly ConnectorDefinition[]): Promise<ReconcileReport> {
    const report: ReconcileReport = {
      created: [],
      changed: [],
      removed: [],
      restarted: [],
      begunAnew: [],
      poisoned: [],
      failing: [],
      unsettled: [],
    };
    const { client, prefix } = this.options;
    const owner = await this.options.owner?.();
    const states = await client.connectors();
    if (owner) assertOwn(owner, prefix, states);
    const found = new Map(states.map((state) => [state.name, state]));
    const wanted = await Promise.all(
      definitions.map(async (definition) =>
        withOperatorSettings(await this.owned(definition), found.get(definition.name)?.config),
      ),
    );
    await this.removeUndefined(wanted, found, report);
    for (const definition of wanted) {
      const state = found.get(definition.name);
      if (!state) await this.create(definition, report);
      else if (differs(definition, state)) await this.put(definition, report.changed, report);
      else if (state.state === 'STOPPED' || state.state === 'PAUSED') await this.setRunning(definition, report);
      else await this.cure(definition, state, report);
    }
    return report;
  }

  private async removeUndefined(
    definitions: readonly ConnectorDefinition[],
    found: ReadonlyMap<string, ConnectorState>,
    report: ReconcileReport,
  ): Promise<void> {
    const defined = new Set(definitions.map(({ name }) => name));
    for (const name of found.keys()) {
      if (!name.startsWith(`${this.options.prefix}.`) || defined.has(name)) continue;
      await this.options.client.remove(name);
      report.removed.push(name);
    }
  }

  private async create(definition: ConnectorDefinition, report: ReconcileReport): Promise<void> {
    await this.options.beforeBeginning?.(definition);
    await this.put(definition, report.created, report);
  }

  /** One definition that Connect refuses must not keep the others from being put. */
  private async put(definition: ConnectorDefinition, done: string[], report: ReconcileReport): Promise<void> {
    try {
      await this.options.client.put(definition);
      done.push(definition.name);
    } catch (error) {
      if (!(error instanceof ConnectRejected)) throw error;
      report.failing.push({ name: definition.name, reason: error.message });
    }
  }

  /** Somebody stopped it, or this process ended between stopping and resuming it. */
  private async setRunning(definition: ConnectorDefinition, report: ReconcileReport): Promise<void> {
    await this.options.client.resume(definition.name);
    report.restarted.push(definition.name);
  }

  private async cure(definition: ConnectorDefinition, state: ConnectorState, report: ReconcileReport): Promise<void> {
    const fault = faultOf(state);
    if (!fault) return this.noteHealth(state);
    if (fault.state !== 'FAILED') {
      report.unsettled.push({ name: state.name, reason: fault.reason });
    } else if (hasLostItsPlace(fault.reason)) {
      await this.beginAnew(definition, state.config);
      report.begunAnew.push({ name: state.name });
    } else if (!(await this.freedOfPoison(definition, fault.reason, report))) {
      report.failing.push({ name: state.name, reason: fault.reason });
      if (await this.restartInTurn(state.name)) report.restarted.push(state.name);
    }
  }

  private async freedOfPoison(
    { name, config }: ConnectorDefinition,
    reason: string,
    report: ReconcileReport,
  ): Promise<boolean> {
    const { putPoisonAside } = this.options;
    if (!putPoisonAside || config['topics'] === undefined || !isPoisoned(reason)) return false;
    const messages = await putPoisonAside({ name, topic: config['topics'] });
    if (messages > 0) report.poisoned.push({ name, messages });
    return messages > 0;
  }

  private noteHealth(state: ConnectorState): void {
    const failures = this.failures.get(state.name);
    if (failures && this.now() - failures.failedAt > CURED_AFTER_MS) this.failures.delete(state.name);
  }

  private async restartInTurn(name: string): Promise<boolean> {
    const now = this.now();
    const failures = this.failures.get(name) ?? { count: 0, restartAt: now, failedAt: now };
    failures.failedAt = now;
    this.failures.set(name, failures);
    if (now < failures.restartAt) return false;
    await this.options.client.restartFailed(name);
    failures.count++;
    const pause = Math.min(LAST_RESTART_AFTER_MS, FIRST_RESTART_AFTER_MS * 2 ** (failures.count - 1));
    failures.restartAt = now + pause * (0.5 + Math.random() / 2);
    return true;
  }

  private async owned(definition: ConnectorDefinition): Promise<ConnectorDefinition> {
    const owner = await this.options.owner?.();
    return owner ? ownedBy(owner, definition) : definition;
  }

  private async beginAnew(definition: ConnectorDefinition, found: ConnectorState['config']): Promise<void> {
    const { client, newBeginning, beforeBeginning } = this.options;
    await beforeBeginning?.(definition);
    const begin = newBeginning ? await newBeginning(definition) : definition;
    await client.stop(definition.name);
    // Stopping takes a moment; until then Connect refuses to forget.
    await pRetry(() => client.forgetOffsets(definition.name), { retries: 20, minTimeout: 100, maxTimeout: 500 });
    await client.put(withOperatorSettings(await this.owned(begin), found));
    await client.resume(definition.name);
  }
}

/**
 * Settings that say where a source begins are only of use at its beginning: another beginning is no difference.
 * Connect adds `name`.
 */
function differs({ config }: ConnectorDefinition, state: ConnectorState): boolean {
  const { name: _name, ...found } = state.config;
  const relevant = (settings: Readonly<Record<string, string | null>>) =>
    JSON.stringify(
      Object.entries(settings)
        .filter(([key]) => !key.startsWith('startup.mode'))
        .sort(),
    );
  return relevant(config) !== relevant(found);
}

function faultOf(state: ConnectorState): { state: string; reason: string } | undefined {
  const parts = [state, ...state.tasks];
  const failed = parts.find((part) => part.state === 'FAILED');
  const idle = failed ?? parts.find((part) => part.state !== 'RUNNING');
  if (idle) return { state: idle.state, reason: idle.trace === undefined ? `is ${idle.state}` : reasonOf(idle.trace) };
  return state.tasks.length === 0 ? { state: 'UNASSIGNED', reason: 'has no tasks yet' } : undefined;
}

/** The exceptions' own lines of a stack trace. */
export function reasonOf(trace: string): string {
  const lines = trace.split('\n').filter((line) => !/^\s+(at|\.\.\.) /.test(line));
  return withoutSecrets(lines.map(withoutMessage).join(' ').trim());
}

/** Connect quotes the message that it could not read. */
const withoutMessage = (line: string) =>
  /Could not convert|JsonParseException/.test(line) ? line.replace(/'.*'/s, '…') : line;

/**
 * The place in the oplog where the source would go on is gone (it was away for longer than the oplog reaches back),
 * or its collection was dropped and with it the place. MongoDB: ChangeStreamHistoryLost (286), ChangeStreamFatalError (280).
 */
export function hasLostItsPlace(reason: string): boolean {
  return /ChangeStreamHistoryLost|ChangeStreamFatalError|resume point may no longer be in the oplog|ResumeToken not found|error(?: code)? (?:286|280)\b|the resume token was not found/i.test(
    reason,
  );
}
