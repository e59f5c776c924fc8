import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import {
  claimOwnTopics,
  ConnectClient,
  type ConnectorDefinition,
  ConnectorReconciler,
  ensureTopics,
  permissionConnectors,
  permissionReplicas,
  permissionStreamOf,
  placeOf,
  putPoisonAside,
  type ReconcileReport,
  type SourceStart,
  type TopicDefinition,
  topicsNeeded,
  topicsOf,
  userEventsConnector,
  workerConnectors,
  topicPrefix,
} from '@caregate/change-events';
import {
  CONFIG,
  ForeignOwner,
  HealthChecks,
  InjectMongo,
  LOGGER,
  type Logger,
  Metrics,
  ownerOf,
  type ShardOwner,
  toCaregateError,
} from '@caregate/service';
import type { Kafka } from 'kafkajs';
import type { Connection } from 'mongoose';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatekeeperSyncConfig } from '../config.ts';
import { KAFKA } from './kafka.ts';
import { InjectGatekeeper } from '../gatekeeper-database.ts';
import { ConnectorHealth } from './connector-health.ts';
import { Lease } from './lease.ts';
import { PrepareSourcesService } from './prepare-sources.service.ts';
import { ReplicaDoubts, type Stream } from './replica-doubts.ts';

const LEASE = 'connectors';
const SOON_MS = 500;
/** A document may say an earlier time than that of its commit: transactions take a while, and clocks differ. */
const WRITTEN_WITHIN_SECONDS = 180;

/** Keeps topics and connectors of the shard as they are defined, for as long as the app runs. */
@Injectable()
export class ConnectorsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly prefix: string;
  private readonly topics: readonly TopicDefinition[];
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private readonly reconciler: ConnectorReconciler;
  /** What was wrong in the last round. Readiness answers from it, so that asking costs Kafka and Connect nothing. */
  private kafkaFault = 'not asked yet';
  private connectFault = 'not asked yet';
  private connectorFault = 'not asked yet';
  /** Whether all connectors have run since the app began. From then on it is the replicas' lag that says whether they do what they are for. */
  private haveRun = false;
  private readonly condition = new ConnectorHealth();
  /** The last reason that was logged of each connector that does not run. */
  private readonly reasons = new Map<string, string>();
  private claimed = false;
  private known: ShardOwner | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: GatekeeperSyncConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(KAFKA) private readonly kafka: Kafka,
    private readonly connect: ConnectClient,
    private readonly sources: PrepareSourcesService,
    private readonly lease: Lease,
    private readonly doubts: ReplicaDoubts,
    private readonly health: HealthChecks,
    @InjectMongo() private readonly clinic: Connection,
    @InjectGatekeeper() private readonly gatekeeper: Connection,
    metrics: Metrics,
  ) {
    this.prefix = topicPrefix(config);
    this.topics = topicsNeeded(config);
    this.up = metrics.gauge(
      'caregate_connector_up',
      'Whether the connector and all its tasks run and none has failed within a minute',
      ['connector'],
    );
    this.failedTasks = metrics.gauge('caregate_connector_failed_tasks', 'Tasks of the connector that have failed', [
      'connector',
    ]);
    this.restarts = metrics.counter(
      'caregate_connector_restarts_total',
      'Restarts of the connector after it had failed',
      ['connector'],
    );
    this.acts = metrics.counter('caregate_connector_acts_total', 'What was done to keep connectors as defined', [
      'act',
    ]);
    this.reconciler = new ConnectorReconciler({
      client: connect,
      prefix: this.prefix,
      owner: () => this.owner(),
      beforeBeginning: ({ name }) => this.doubtWhatIsThere(name),
      newBeginning: (definition) => this.newBeginning(definition),
      putPoisonAside: (sink) => {
        const { deadLetters } = topicsOf(this.prefix);
        return putPoisonAside({ kafka, connect, deadLetters, beforeSkipping: () => this.doubt(sink.name) }, sink);
      },
    });
  }

  private readonly up;
  private readonly failedTasks;
  private readonly restarts;
  private readonly acts;

  onApplicationBootstrap(): void {
    this.warnOfPasswords();
    this.health.register('kafka', () => assertNone(this.kafkaFault));
    this.health.register('kafka connect', () =>
      assertNone(this.connectFault || (this.haveRun ? '' : this.connectorFault)),
    );
    this.running = this.keep();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private warnOfPasswords(): void {
    const { CONNECT_MONGODB_URI, MONGODB_URI, CONNECT_GATEKEEPER_MONGODB_URI, GATEKEEPER_MONGODB_URI } = this.config;
    const written = {
      CONNECT_MONGODB_URI: CONNECT_MONGODB_URI ?? MONGODB_URI,
      CONNECT_GATEKEEPER_MONGODB_URI: CONNECT_GATEKEEPER_MONGODB_URI ?? GATEKEEPER_MONGODB_URI,
    };
    for (const [setting, value] of Object.entries(written))
      if (/^mongodb(\+srv)?:\/\/[^/@]*:[^/@]*@/.test(value))
        this.logger.warn(
          `Kafka Connect shows the password of the database to whoever reaches it; give ${setting} a reference of its config providers`,
        );
  }

  private async keep(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const fine = await this.look();
      const until = fine
        ? this.config.RECONCILE_SECONDS * 1000
        : Math.min(SOON_MS, this.config.RECONCILE_SECONDS * 1000);
      await pause(until, undefined, { signal: this.stopping.signal }).catch(() => undefined); // aborted: the app stops
    }
    await this.lease.release(LEASE).catch(() => undefined); // it runs out by itself
  }

  /** One round; true when everything runs. Whatever is away is waited for. */
  private async look(): Promise<boolean> {
    const before = this.fault();
    this.kafkaFault = await faultOf(() => this.askKafka());
    this.connectFault = await faultOf(() => this.keepConnectors());
    const fault = this.fault();
    this.haveRun ||= fault === '';
    if (fault !== before && fault === '') this.logger.info('all connectors run');
    if (fault !== before && fault !== '') this.logger.warn({ fault }, 'not all connectors run; trying on');
    return fault === '';
  }

  private fault(): string {
    return `${this.kafkaFault} ${this.connectFault} ${this.connectorFault}`.trim();
  }

  private async keepConnectors(): Promise<void> {
    await this.claim();
    if (await this.lease.hold(LEASE, 3 * this.config.RECONCILE_SECONDS + 10)) await this.reconcile();
    this.connectorFault = (await this.faults()).join(', ');
  }

  /** Nothing of Kafka and Connect is touched before. */
  private async claim(): Promise<void> {
    if (this.claimed) return;
    await claimOwnTopics(this.kafka, this.config, await this.owner());
    this.claimed = true;
  }

  private async owner(): Promise<ShardOwner> {
    this.known ??= await ownerOf(this.clinic);
    return this.known;
  }

  private async reconcile(): Promise<void> {
    await this.sources.prepareCollections();
    // After a fault the topics are looked at again: a broker that comes back may have lost them.
    if (this.connectFault !== '' || this.connectorFault !== '') await this.prepareTopics();
    this.say(await this.reconciler.reconcile(await this.definitions()));
  }

  /** The names of all sources of the shard; none before it is known whose the connectors are. */
  async sourceNames(): Promise<string[]> {
    if (!this.claimed) return [];
    return (await this.definitions()).filter(({ config }) => isSource(config)).map(({ name }) => name);
  }

  private async definitions(): Promise<ConnectorDefinition[]> {
    const start = { mode: 'timestamp', at: await this.sources.beginning() } as const;
    const ofUserEvents = await this.sources.beginningOfUserEvents();
    return [...permissionConnectors(this.place), ...this.sourcesFrom(start, ofUserEvents)];
  }

  /** What the worker reads. Where users are kept by another service, that publishes what happens to them. */
  private sourcesFrom(start: SourceStart, ofUserEvents = start): ConnectorDefinition[] {
    const ownUsers = this.config.IDENTITY === 'local' ? [userEventsConnector(this.place, ofUserEvents)] : [];
    return [...workerConnectors(this.place, start), ...ownUsers];
  }

  private async prepareTopics(): Promise<void> {
    const report = await ensureTopics(this.kafka, this.topics);
    if (report.created.length > 0) this.logger.info({ topics: report.created }, 'topics created');
    if (report.adjusted.length > 0) this.logger.info({ topics: report.adjusted }, 'settings of topics put right');
    if (report.otherPartitions.length > 0)
      this.logger.warn({ topics: report.otherPartitions }, 'topics keep their partition counts');
  }

  private async doubt(connector: string): Promise<void> {
    const stream = permissionStreamOf(this.prefix, connector);
    if (stream !== undefined) await this.doubts.raise(stream);
  }

  /** A connector that begins copies what it misses. Only rows that are there already may be too many. */
  private async doubtWhatIsThere(connector: string): Promise<void> {
    const stream = permissionStreamOf(this.prefix, connector);
    if (stream !== undefined && (await this.hasRows(stream))) await this.doubts.raise(stream);
  }

  private async hasRows(stream: Stream): Promise<boolean> {
    const replicas = permissionReplicas.filter(({ topic }) => topic === stream);
    const found = await Promise.all(
      replicas.map(({ replica }) => this.gatekeeper.collection(replica).findOne({}, { projection: { _id: 1 } })),
    );
    return found.some((row) => row !== null);
  }

  /** A replica copies everything. What the worker reads begins with what has changed since the place that is lost. */
  private async newBeginning(definition: ConnectorDefinition): Promise<ConnectorDefinition> {
    const lost = placeOf(await this.connect.offsets(definition.name)) ?? (await this.sources.beginning());
    const since = new Date((lost.t - WRITTEN_WITHIN_SECONDS) * 1000);
    const ours = this.sourcesFrom({ mode: 'copy_existing', since });
    return ours.find(({ name }) => name === definition.name) ?? definition;
  }

  private say({ created, changed, removed, restarted, begunAnew, poisoned, failing }: ReconcileReport): void {
    const done = { created, changed, removed, restarted };
    for (const [act, names] of Object.entries(done)) this.acts.inc({ act }, names.length);
    this.acts.inc({ act: 'begun anew' }, begunAnew.length);
    this.acts.inc({ act: 'freed of poison' }, poisoned.length);
    if (Object.values(done).some((names) => names.length > 0)) this.logger.info(done, 'connectors put right');
    for (const each of failing) this.sayFailing(each, restarted.includes(each.name));
    for (const { name } of begunAnew) {
      this.logger.error(
        { connector: name },
        "the connector's place in the oplog was lost: it begins anew with a snapshot. Give the database a longer oplog",
      );
    }
    for (const { name, messages } of poisoned) {
      this.logger.error(
        { connector: name, messages },
        'messages that are no change events stopped the sink; they are among the dead letters now',
      );
    }
  }

  private sayFailing({ name, reason }: ReconcileReport['failing'][number], isRestarted: boolean): void {
    if (isRestarted) {
      this.condition.failed(name);
      this.restarts.inc({ connector: name });
    }
    if (!isRestarted && this.reasons.get(name) === reason) return;
    this.reasons.set(name, reason);
    this.logger.error({ connector: name, reason }, 'a connector does not run; it is restarted after growing pauses');
  }

  /** What is not as it should be, from Connect itself, whichever copy of the app holds the lease. */
  private async faults(): Promise<string[]> {
    const found = new Map((await this.connect.connectors()).map((state) => [state.name, state]));
    const faults: string[] = [];
    for (const { name } of await this.definitions()) {
      const { isUp, failedTasks, fault } = this.condition.look(name, found.get(name));
      this.up.set({ connector: name }, isUp ? 1 : 0);
      this.failedTasks.set({ connector: name }, failedTasks);
      this.restarts.inc({ connector: name }, 0); // Prometheus sees no growth in a counter that begins at 1
      if (fault !== undefined) faults.push(`${name} is ${fault}`);
    }
    return faults;
  }

  private async askKafka(): Promise<void> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      await admin.describeCluster();
    } catch (error) {
      throw new Error('no broker answers', { cause: error });
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  private get place() {
    return {
      prefix: this.prefix,
      clinicUri: this.config.MONGODB_URI,
      gatekeeperUri: this.config.GATEKEEPER_MONGODB_URI,
      clinicReference: this.config.CONNECT_MONGODB_URI,
      gatekeeperReference: this.config.CONNECT_GATEKEEPER_MONGODB_URI,
      sinkTasks: this.config.SINK_TASKS,
    };
  }
}

const isSource = (config: ConnectorDefinition['config']) => config['connector.class']?.endsWith('SourceConnector');

async function assertNone(fault: string): Promise<void> {
  if (fault !== '') throw new Error(fault);
}

async function faultOf(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return '';
  } catch (error) {
    return error instanceof ForeignOwner ? error.message : toCaregateError(error).message;
  }
}
