import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectClient, DeadLetters } from '@caregate/change-events';
import { call, eventually } from '@caregate/demo';
import { LocalIdentity } from '@caregate/identity';
import { type App, type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { Kafka, logLevel } from 'kafkajs';
import { MongoClient } from 'mongodb';
import { type Connection, createConnection } from 'mongoose';
import { type Accepted, ClinicLife, nothingAccepted, persistently, type Scene } from './clinic-life.ts';
import { MailServer } from './mail-server.ts';
import { standStill } from '../pauses/stand-still.ts';

export const VICTIMS = ['mongod', 'kafka', 'connect', 'clinic-worker', 'gatekeeper-sync', 'smtp'] as const;
export type Victim = (typeof VICTIMS)[number];

/** What can be paused: beside what is killed the API, whose writers would have to wait for it. */
export const SLEEPERS = [...VICTIMS, 'clinic-api'] as const;
export type Sleeper = (typeof SLEEPERS)[number];

export interface FaultSettings {
  readonly writers: number;
  /** How long each stays dead, in milliseconds. */
  readonly downMs: number;
  /** Between being well again and the next kill, in milliseconds. */
  readonly betweenMs: number;
  /** Between two writes of one writer, in milliseconds. */
  readonly paceMs: number;
  readonly workerEnv?: Record<string, string>;
}

/** What one kill brought about. Milliseconds since the servers answered again and the apps were started. */
export interface Recovery {
  readonly killed: readonly Victim[];
  readonly replicated: number;
  readonly mailed: number;
}

/** For how long a part stands still, and how long after something has begun. */
export interface Pause {
  readonly part: Sleeper;
  readonly seconds: number;
  readonly afterMs: number;
}

/** One of whom is killed, and started again, or paused. */
interface Part {
  readonly pid?: number | undefined;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** A whole shard on servers of its own, with people at work in it, in which anything can be killed. */
export class FaultRun {
  readonly accepted: Accepted = nothingAccepted();
  readonly recoveries: Recovery[] = [];
  /** What was killed or paused so far. */
  readonly disturbed: Sleeper[] = [];
  readonly failures: string[] = [];
  private writing: Promise<unknown> = Promise.resolve();
  private stopping = false;
  private lives: ClinicLife[] = [];
  private canary: ClinicLife | undefined;

  private constructor(
    readonly settings: FaultSettings,
    readonly servers: Servers,
    readonly platform: Platform,
    readonly mail: MailServer,
    readonly mongo: MongoClient,
    private readonly connection: Connection,
    readonly scene: Scene,
  ) {}

  static async begin(settings: FaultSettings): Promise<FaultRun> {
    const servers = await startServers({ only: ['mongod', 'kafka', 'connect'], env: {} });
    try {
      return await FaultRun.on(servers, settings);
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  private static async on(servers: Servers, settings: FaultSettings): Promise<FaultRun> {
    const mail = await MailServer.inFolder(servers.run.data);
    const prefix = `f${randomBytes(3).toString('hex')}_`;
    const platform = await startShards(servers, {
      shards: ['au1'],
      prefix,
      ...(process.env.FAULT_DIST !== undefined && { dist: process.env.FAULT_DIST }),
      env: (app): Record<string, string> => {
        if (app === 'clinic-worker') return { SMTP_URL: mail.url, ...settings.workerEnv };
        // A few people live through all of it, and more happens to them than in any clinic.
        if (app === 'clinic-api') return { MAILS_PER_RECORD: '100000', MAILS_PER_RECIPIENT: '100000' };
        // Replication itself is looked at, not what a check would mend behind its back.
        return app === 'gatekeeper-sync' ? { DRIFT_CHECK_SECONDS: '86400' } : {};
      },
    });
    const shard = platform.shard('au1');
    const mongo = await MongoClient.connect(servers.mongodbUri);
    const connection = await createConnection(shard.mongodbUri).asPromise();
    const identity = new LocalIdentity(connection, {
      shardId: 'au1',
      secret: shard.api.env['IDENTITY_SECRET'] ?? '',
      sessionHours: 12,
    });
    const kafka = new Kafka({ clientId: prefix, brokers: servers.kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    const scene = {
      ...{ platform, shard, identity, producer, mail },
      clinicDb: mongo.db(shard.database),
      service: await identity.serviceToken('e2e'),
    };
    const run = new FaultRun(settings, servers, platform, mail, mongo, connection, scene);
    await run.moveIn();
    return run;
  }

  private async moveIn(): Promise<void> {
    this.canary = new ClinicLife(this.scene, this.accepted, 0);
    this.lives = Array.from(
      { length: this.settings.writers },
      (_, n) => new ClinicLife(this.scene, this.accepted, n + 1),
    );
    for (const life of [this.canary, ...this.lives]) await life.begin();
    this.startWriting();
  }

  /** Everybody is at work, again or for the first time. */
  startWriting(): void {
    this.stopping = false;
    this.writing = Promise.all(this.lives.map((life) => this.live(life)));
  }

  /** Does something at each clinic at once. */
  async everywhere(work: (life: ClinicLife) => Promise<void>): Promise<void> {
    await Promise.all(this.lives.map(work));
  }

  private async live(life: ClinicLife): Promise<void> {
    while (!this.stopping) {
      await life.next().catch((error) => void this.failures.push(String(error)));
      await delay(this.settings.paceMs);
    }
  }

  /** Kills these at once, in the midst of everything, starts them again, and waits until all goes on. */
  async killAndRevive(killed: readonly Victim[]): Promise<Recovery> {
    const victims = killed.map((name) => this.part(name));
    this.disturbed.push(...killed);
    await Promise.all(victims.map((each) => each.kill()));
    await delay(this.settings.downMs);
    const servers = killed.filter((name) => !isApp(name));
    const apps = killed.filter(isApp).map((name) => this.part(name).start());
    await Promise.all(servers.map((name) => this.part(name).start()));
    const back = performance.now();
    const [replicated, mailed] = await Promise.all([this.replicates(), this.mails(), ...apps]);
    const recovery = { killed, replicated: Math.round(replicated - back), mailed: Math.round(mailed - back) };
    this.recoveries.push(recovery);
    await delay(this.settings.betweenMs);
    return recovery;
  }

  /** One process stands still for a while, as a paused virtual machine does, while something is done. */
  async pauseDuring<T>({ part, seconds, afterMs }: Pause, work: () => Promise<T>): Promise<T> {
    this.disturbed.push(part);
    const pause = async () => {
      await delay(afterMs);
      await standStill(part, this.part(part).pid, seconds);
    };
    const [done] = await Promise.all([work(), pause()]);
    return done;
  }

  /** When a permission that is changed now was seen in the gatekeeper database. */
  private async replicates(): Promise<number> {
    const changed = await this.life().changePermissions();
    const rows = this.mongo.db(this.scene.shard.gatekeeperDatabase).collection('patient_permissions');
    await eventually(
      'a changed permission in the gatekeeper database',
      async () => {
        const row = await rows.findOne({ userId: changed.userId }).catch(() => null);
        return JSON.stringify(row?.['permissions']) === changed.permissions;
      },
      180_000,
    );
    return performance.now();
  }

  /** When the email about a patient who is admitted now was accepted. */
  private async mails(): Promise<number> {
    const email = await this.life().admit();
    await eventually(
      `an email to a new patient`,
      async () => {
        await delay(20);
        return (await this.mail.accepted()).some(({ to }) => to.includes(email));
      },
      180_000,
    );
    return performance.now();
  }

  /** Lets everybody finish what they are at, and waits until nothing is left to do. */
  async settle(): Promise<void> {
    this.stopping = true;
    await this.writing;
    const { clinicDb, shard } = this.scene;
    const { accepted } = this;
    await eventually(
      'all migrations are completed',
      async () => (await clinicDb.collection('migrations').countDocuments({ status: { $ne: 'COMPLETED' } })) === 0,
      300_000,
    );
    await eventually(
      'all deleted users are gone',
      async () => {
        const users = { $in: [...accepted.deletedUsers] };
        const left = await Promise.all(
          ['patients', 'clinicians'].map((name) => clinicDb.collection(name).countDocuments({ userId: users })),
        );
        return left.every((count) => count === 0);
      },
      300_000,
    );
    // What is written now comes behind everything else in the streams.
    await this.replicates();
    await this.mails();
    await eventually(
      'no reaction is open',
      async () => (await clinicDb.collection('reactions').countDocuments({ open: true })) === 0,
      300_000,
    );
    // An email that waited for the mail server while its patient was deleted is not sent any more, and its note stays as it was.
    const stillThere = { userId: { $nin: [...accepted.deletedUsers] }, state: { $in: ['sending', 'waiting'] } };
    const open = () => clinicDb.collection('mail_deliveries').find(stillThere).toArray();
    await eventually(
      'every delivery to somebody who is still there has ended',
      async () => (await open()).length === 0,
      300_000,
    ).catch(async (error: Error) => {
      throw new Error(`${error.message}; open are ${JSON.stringify(await open())}`);
    });
    await eventually(
      'everything is ready',
      async () => {
        const answers = await Promise.all(
          [shard.api, shard.worker, shard.sync].map(({ url }) => call({ url: `${url}/ready` })),
        );
        return answers.every(({ status }) => status === 200);
      },
      120_000,
    );
  }

  deadLetters() {
    const topicPrefix = this.scene.shard.topicPrefix;
    return new DeadLetters({ brokers: this.servers.kafkaBrokers.split(','), topicPrefix }).list();
  }

  async connectorsNotRunning(): Promise<string[]> {
    const states = await new ConnectClient(this.servers.connectUrl).connectors();
    const running = (state: (typeof states)[number]) =>
      state.state === 'RUNNING' && state.tasks.length > 0 && state.tasks.every((task) => task.state === 'RUNNING');
    return states.filter((state) => !running(state)).map(({ name }) => name);
  }

  /** How much was written, by kind. */
  counts(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { counts } of this.lives)
      for (const [what, count] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + count;
    return sums;
  }

  async end(): Promise<void> {
    this.stopping = true;
    await this.writing;
    await this.scene.producer.disconnect();
    await this.platform.stop();
    await this.connection.close();
    await this.mongo.close();
    await this.mail.kill();
    await this.servers.stop();
  }

  private life(): ClinicLife {
    if (!this.canary) throw new Error('begin first');
    return this.canary;
  }

  private part(name: Sleeper): Part {
    const { servers, mail, scene } = this;
    const apps: Partial<Record<Sleeper, App>> = {
      'clinic-api': scene.shard.api,
      'clinic-worker': scene.shard.worker,
      'gatekeeper-sync': scene.shard.sync,
    };
    const app = apps[name];
    if (app) return app;
    if (name === 'smtp') return mail;
    return name === 'mongod' ? servers.mongod : name === 'kafka' ? servers.kafka : servers.connect;
  }
}

const isApp = (name: Victim) => name === 'clinic-worker' || name === 'gatekeeper-sync';

/** Two at a time, each with each. */
export const pairs: readonly (readonly Victim[])[] = VICTIMS.flatMap((one, n) =>
  VICTIMS.slice(n + 1).map((other) => [one, other]),
);

export { persistently };
