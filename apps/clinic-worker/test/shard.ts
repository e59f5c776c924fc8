import { eventually } from '@caregate/eventually';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ConnectClient, ensureTopics, topicDefinitions, workerConnectors } from '@caregate/change-events';
import { type ClinicModels, clinicModels, prepareClinicDatabase } from '@caregate/clinic-model';
import { LocalIdentity, prepareLocalIdentity, type UserId } from '@caregate/identity';
import { startApp } from '@caregate/service';
import { Kafka, logLevel } from 'kafkajs';
import { type Connection, createConnection, Types } from 'mongoose';
import { clinicWorker } from '../src/app.ts';

const { MONGODB_URI, KAFKA_BROKERS, CONNECT_URL, SMTP_URL, MAIL_WEB_URL } = process.env;
export const SERVERS_GIVEN = Boolean(MONGODB_URI && KAFKA_BROKERS && CONNECT_URL && SMTP_URL && MAIL_WEB_URL);

export const randomAddress = () => `${randomBytes(5).toString('hex')}@example.test`;
export const newUserId = () => randomBytes(5).toString('hex') as UserId; // 10 hex digits are a user id

export interface CaughtMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** A shard of its own on the real servers: database, topics and source connectors, and workers on them. */
export class TestShard {
  readonly prefix = `t${randomBytes(4).toString('hex')}`;
  readonly uri = uriOf(`${this.prefix}_clinic`);
  readonly userEventsTopic = `${this.prefix}.user-events`;
  readonly connection: Connection = createConnection();
  readonly models: ClinicModels = clinicModels(this.connection);
  readonly kafka = new Kafka({
    clientId: this.prefix,
    brokers: (KAFKA_BROKERS ?? '').split(','),
    logLevel: logLevel.NOTHING,
  });
  readonly producer = this.kafka.producer();
  readonly secret = randomBytes(32).toString('hex');
  readonly identity = new LocalIdentity(this.connection, { shardId: 'au1', secret: this.secret, sessionHours: 1 });
  private readonly connect = new ConnectClient(CONNECT_URL ?? '');
  private readonly connectors: string[] = [];
  private readonly workers = new Set<{ close(): Promise<void> }>();

  async start(): Promise<void> {
    await Promise.all([this.connection.openUri(this.uri), this.producer.connect()]);
    await prepareClinicDatabase(this.connection);
    await prepareLocalIdentity(this.connection);
    await ensureTopics(this.kafka, topicDefinitions(this.prefix, 2));
    const { t, i } = (await this.connection.getClient().db().command({ hello: 1 }))['operationTime'];
    const place = { prefix: this.prefix, clinicUri: this.uri, gatekeeperUri: this.uri, sinkTasks: 1 };
    for (const definition of workerConnectors(place, { mode: 'timestamp', at: { t, i } })) {
      await eventually(() =>
        this.connect.put(definition).then(
          () => true,
          () => false,
        ),
      );
      this.connectors.push(definition.name);
    }
  }

  async stop(): Promise<void> {
    for (const worker of this.workers) await worker.close();
    for (const name of this.connectors)
      await eventually(() =>
        this.connect.remove(name).then(
          () => true,
          () => false,
        ),
      );
    const admin = this.kafka.admin();
    await admin.connect();
    await admin.deleteTopics({
      topics: (await admin.listTopics()).filter((topic) => topic.startsWith(`${this.prefix}.`)),
    });
    await admin.deleteGroups([`${this.prefix}.worker`]).catch(() => {});
    await Promise.all([admin.disconnect(), this.producer.disconnect()]);
    await this.connection.dropDatabase();
    await this.connection.close();
  }

  settings(env: Record<string, string>): Record<string, string> {
    return {
      SHARD_ID: 'au1',
      MONGODB_URI: this.uri,
      KAFKA_BROKERS: KAFKA_BROKERS ?? '',
      TOPIC_PREFIX: this.prefix,
      TOPIC_PARTITIONS: '2',
      SMTP_URL: SMTP_URL ?? '',
      MAIL_FROM: 'Caregate <no-reply@au1.example.test>',
      IDENTITY_SECRET: this.secret,
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'silent',
      ...env,
    };
  }

  /** A worker in this process. */
  async worker(env: Record<string, string> = {}) {
    const { app, url } = await startApp(clinicWorker, this.settings(env));
    const worker = {
      url,
      close: async () => {
        this.workers.delete(worker);
        await app.close();
      },
      ready: async () => (await fetch(`${url}/ready`)).status === 200,
    };
    this.workers.add(worker);
    await eventually(() => worker.ready());
    return worker;
  }

  /** A worker in a process of its own, as it is deployed, that can be killed. */
  async process(env: Record<string, string> = {}) {
    execFileSync(process.execPath, [join(APP, '../../tools/build/bundle-app.mjs')], { cwd: APP });
    const child = spawn(process.execPath, [join(APP, '../../dist/apps/clinic-worker/main.js')], {
      env: { ...this.settings(env), LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    let log = '';
    child.stdout.on('data', (chunk) => (log += chunk));
    const worker = {
      log: () => log,
      kill: (signal: 'SIGTERM' | 'SIGKILL') => {
        child.kill(signal);
        return ended;
      },
      close: async () => {
        this.workers.delete(worker);
        await worker.kill('SIGKILL');
      },
    };
    this.workers.add(worker);
    await eventually(() => log.includes('"listening"'));
    return worker;
  }

  async user(fullName: string): Promise<{ userId: UserId; email: string }> {
    const email = randomAddress();
    const { userId } = await this.identity.createUser({ email, fullName, passwordHash: NO_PASSWORD });
    return { userId, email };
  }

  async clinic(name: string, admins: UserId[]): Promise<Types.ObjectId> {
    const now = new Date();
    const _id = new Types.ObjectId();
    const code = randomBytes(6).toString('hex').toUpperCase();
    await this.models.clinics.collection.insertOne({
      ...{
        _id,
        name,
        admins,
        preferredBgUnits: 'mmol/L',
        shareCodes: [code],
        canonicalShareCode: code,
        tier: 'tier0100',
      },
      ...{ isMigrated: true, patientTags: [], sites: [], createdTime: now, updatedTime: now },
    });
    return _id;
  }

  async clinician(
    clinicId: Types.ObjectId,
    user: { userId: UserId; email: string },
    role: 'CLINIC_ADMIN' | 'CLINIC_MEMBER',
  ): Promise<Types.ObjectId> {
    const now = new Date();
    const _id = new Types.ObjectId();
    await this.models.clinicians.collection.insertOne({
      _id,
      clinicId,
      ...user,
      name: 'x',
      roles: [role],
      rolesUpdates: [],
      createdTime: now,
      updatedTime: now,
    });
    return _id;
  }
}

const APP = join(import.meta.dirname, '..');

/** Nobody can sign in with it. */
const NO_PASSWORD = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

function uriOf(database: string): string {
  const uri = new URL(MONGODB_URI ?? 'mongodb://127.0.0.1:1');
  uri.pathname = `/${database}`;
  return uri.href;
}

export async function mailsTo(address: string): Promise<CaughtMail[]> {
  // The shape of maildev's own interface.
  const mails = (await (await fetch(`${MAIL_WEB_URL}/api/email`)).json()) as (CaughtMail & {
    to?: { address: string }[];
  })[];
  return mails.filter(({ to }) => to?.some((each) => each.address === address));
}

/** Who the mail server was told to bring a mail to, for each mail that went to this address. */
export async function envelopesTo(address: string): Promise<string[][]> {
  // As above.
  const mails = (await (await fetch(`${MAIL_WEB_URL}/api/email`)).json()) as {
    envelope: { to: { address: string }[] };
  }[];
  return mails.map(({ envelope }) => envelope.to.map((each) => each.address)).filter((to) => to.includes(address));
}
