import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, basic, call, confirmByMail, eventually, session } from '@caregate/demo';
import { LocalIdentity } from '@caregate/identity';
import {
  type App,
  type Platform,
  type Server,
  type Servers,
  startApp,
  startServers,
  startShards,
} from '@caregate/stack';
import { type Db, MongoClient, ObjectId } from 'mongodb';
import { createConnection } from 'mongoose';
import { type Practice, Traffic } from '../moving-traffic.ts';
import { type Seeded } from './seeded.ts';
import { standStill } from './stand-still.ts';

const SHARDS = ['au1', 'uk1'] as const;
type ShardName = (typeof SHARDS)[number];
const OPERATOR_TOKEN = 'an operator token of tests, long enough';
const PASSWORD = 'correct horse battery staple';
const SUBDOMAIN = 'steady-harbour';
const PATIENCE_MS = 240_000;
/** Users who are deleted, and who share, one after the other. */
const PEOPLE = 80;

/** Anything that runs and can be stopped for a while. */
type Part = Pick<App | Server, 'pid' | 'start' | 'kill'>;

export interface Fault {
  readonly part: string;
  /** Seconds for which it sleeps; 0: it is killed and started again. */
  readonly seconds: number;
}

/**
 * An account that moves to and fro without end while people write, are deleted and share, and one part of the platform after the other sleeps or
 * is killed. What was acknowledged is kept in a ledger.
 */
export class PauseRun {
  private readonly deleted = new Set<string>();
  private readonly shared = new Map<string, boolean>();
  private readonly running: Promise<void>[] = [];
  private stopping = false;
  moves = 0;
  private sharings = 0;

  private constructor(
    private readonly servers: Servers,
    private readonly platform: Platform,
    private readonly parts: ReadonlyMap<string, Part>,
    /** Second ones of apps, beside those of the platform. */
    private readonly copies: readonly App[],
    private readonly mongo: MongoClient,
    private readonly practice: Practice & { accountId: string; people: string[] },
    private readonly tokens: Readonly<Record<ShardName, string>>,
    readonly traffic: Traffic,
  ) {}

  static async begin(): Promise<PauseRun> {
    const servers = await startServers({ env: {} });
    const prefix = `pause${randomBytes(3).toString('hex')}_`;
    const platform = await startShards(servers, {
      shards: [...SHARDS],
      prefix,
      env: (app): Record<string, string> => (app === 'directory' ? { OPERATOR_TOKEN, MOVE_GRACE_SECONDS: '0.5' } : {}),
    });
    const copyOf = ({ name, label, env: { PORT: _, ...env } }: App) => startApp({ name, label: `${label}-b`, env });
    const [secondDirectory, ...secondApis] = await Promise.all([
      copyOf(platform.directory),
      ...SHARDS.map((id) => copyOf(platform.shard(id).api)),
    ]);
    const parts = new Map<string, Part>([
      ['directory a', platform.directory],
      ['directory b', secondDirectory],
      ['mongod', servers.mongod],
      ['kafka', servers.kafka],
      ['connect', servers.connect],
      ...SHARDS.flatMap((id, n): [string, Part][] => [
        [`api ${id} a`, platform.shard(id).api],
        [`api ${id} b`, secondApis[n] ?? platform.shard(id).api],
        [`worker ${id}`, platform.shard(id).worker],
        [`sync ${id}`, platform.shard(id).sync],
      ]),
    ]);
    const mongo = await MongoClient.connect(servers.mongodbUri);
    const ports = Object.fromEntries(
      SHARDS.map((id, n) => [id, [platform.shard(id).api.port, secondApis[n]?.port ?? 0]]),
    );
    const practice = await openPractice(servers, platform, ports);
    const tokens = { au1: await serviceTokenOf(platform, 'au1'), uk1: await serviceTokenOf(platform, 'uk1') };
    const traffic = new Traffic(practice, 'au1', { patienceMs: PATIENCE_MS });
    return new PauseRun(servers, platform, parts, [secondDirectory, ...secondApis], mongo, practice, tokens, traffic);
  }

  start(): void {
    this.traffic.start(3, 0);
    for (const work of [this.moveOn(), this.deleteOn(), this.shareOn()])
      this.running.push(work.catch((error) => void this.traffic.unexpected.push(String(error))));
  }

  /** Draws what is to happen next. */
  draw(lot: Seeded, seconds: readonly number[]): Fault {
    return { part: lot.one([...this.parts.keys()]), seconds: lot.one(seconds) };
  }

  /** After a moment, lets a part sleep, or kills it; when this has resolved it is at work again. */
  async suffer({ part, seconds }: Fault, afterMs: number): Promise<void> {
    await delay(afterMs);
    const victim = this.parts.get(part);
    if (!victim) throw new Error(`there is no ${part}`);
    if (seconds === 0) {
      await victim.kill();
      return victim.start();
    }
    await standStill(part, victim.pid, seconds);
  }

  get acknowledged(): number {
    return this.traffic.counts.writes + this.deleted.size + this.sharings;
  }

  /** Nothing new is begun, and all that has begun comes to its end. */
  async settle(): Promise<ShardName> {
    this.stopping = true;
    await this.traffic.stop();
    await Promise.all(this.running);
    return this.home();
  }

  /** What was acknowledged and is not so where the account is, or in the gatekeeper's database there, once all has come through. */
  async differences(home: ShardName): Promise<string[]> {
    let found: string[] = [];
    await eventually(
      'all that was acknowledged is so',
      async () => (found = await this.amiss(home)).length === 0,
      180_000,
    ).catch(() => undefined);
    return found;
  }

  private async amiss(home: ShardName): Promise<string[]> {
    const db = this.mongo.db(this.platform.shard(home).database);
    const clinicId = new ObjectId(this.practice.clinicId);
    const patients = await db.collection('patients').find({ clinicId }).toArray();
    const names = new Map(patients.map(({ userId, fullName }) => [String(userId), String(fullName)]));
    const found = [...this.traffic.accepted].flatMap(([id, name]) => {
      const there = names.get(id);
      return (name ?? undefined) === there ? [] : [`patient ${id} should be ${name} and is ${there}`];
    });
    if (names.size !== patients.length) found.push('a patient is there twice');
    for (const id of this.deleted) {
      const users = await db.collection<{ _id: string }>('users').countDocuments({ _id: id });
      if (users > 0 || names.has(id)) found.push(`user ${id} was deleted and is there`);
    }
    const gatekeeper = this.mongo.db(this.platform.shard(home).gatekeeperDatabase);
    for (const [id, isShared] of this.shared) {
      if (this.deleted.has(id)) continue;
      for (const [where, rows] of [
        ['clinic', db],
        ['gatekeeper', gatekeeper],
      ] as const)
        if ((await isSharedIn(rows, id)) !== isShared)
          found.push(`sharing of ${id} should be ${isShared} in the ${where} database`);
    }
    return found;
  }

  private async home(): Promise<ShardName> {
    const account = await this.mongo
      .db(new URL(this.platform.directoryMongodbUri).pathname.slice(1))
      .collection<{ _id: string; shard: ShardName }>('accounts')
      .findOne({ _id: this.practice.accountId });
    if (!account) throw new Error('the directory knows the account');
    return account.shard;
  }

  private async moveOn(): Promise<void> {
    while (!this.stopping) {
      const to = (await this.home()) === 'au1' ? 'uk1' : 'au1';
      const { status, body } = await this.ask('POST', `/accounts/${SUBDOMAIN}/moves`, { to });
      if (status !== 201) {
        await delay(250);
        continue;
      }
      const { id } = body as { id: string };
      await eventually(
        'the move is over',
        async () => ['waiting', 'purging', 'done', 'cancelled'].includes(await this.phaseOf(id)),
        PATIENCE_MS * 2,
      );
      this.moves += 1;
    }
  }

  private async phaseOf(id: string): Promise<string> {
    const { status, body } = await this.ask('GET', `/moves/${id}`);
    return status === 200 ? (body as { phase: string }).phase : 'unknown';
  }

  /** Asks one copy of the directory, and the other where that gives no answer. */
  private async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = { authorization: `Bearer ${OPERATOR_TOKEN}` };
    const directories = [this.platform.directory, ...this.copies.filter(({ name }) => name === 'directory')];
    for (const { url } of directories) {
      const asked = call({ method, url: `${url}/caregate/v1${path}`, headers, ...(body !== undefined && { body }) });
      const answer = await Promise.race([asked.catch(() => undefined), delay(3_000)]);
      if (answer && answer.status !== 503) return answer;
    }
    return { status: 503, headers: {}, body: undefined };
  }

  private async deleteOn(): Promise<void> {
    for (const id of this.practice.people.slice(PEOPLE / 2)) {
      const outcome = await this.whereTheyLive(({ api, token }) =>
        call({ method: 'DELETE', url: `${api.url}/caregate/v1/users/${id}`, headers: session(token) }),
      );
      if (outcome === 'done') this.deleted.add(id);
      if (this.stopping) return;
      await delay(1_500);
    }
  }

  private async shareOn(): Promise<void> {
    const people = new Set(this.practice.people.slice(0, PEOPLE / 2));
    while (!this.stopping && people.size > 0)
      for (const id of people) {
        if (this.stopping) return;
        const begins = this.shared.get(id) !== true;
        const outcome = await this.whereTheyLive(({ sync, token }) => {
          const headers = session(token);
          return call({
            method: 'POST',
            url: `${sync.url}/access/${id}/${FRIEND}`,
            headers,
            body: begins ? { view: {} } : {},
          });
        });
        if (outcome === 'done') {
          this.shared.set(id, begins);
          this.sharings += 1;
        } else {
          // What was asked may still be done, at any time; so nothing more is asked, or known, of this person.
          this.shared.delete(id);
          people.delete(id);
        }
        await delay(300);
      }
  }

  /** Asks both shards by turns until one has done it, as a person lives on one of them; gives up when one does not answer. */
  private async whereTheyLive(
    ask: (at: { api: App; sync: App; token: string }) => Promise<Answer>,
  ): Promise<'done' | 'unknown'> {
    const until = performance.now() + PATIENCE_MS;
    while (performance.now() < until && !this.stopping) {
      for (const id of SHARDS) {
        const { api, sync } = this.platform.shard(id);
        const answer = await ask({ api, sync, token: this.tokens[id] }).catch(() => undefined);
        if (!answer) return 'unknown';
        if (answer.status < 300) return 'done';
      }
      await delay(200);
    }
    return 'unknown';
  }

  async end(): Promise<void> {
    for (const { pid } of this.parts.values()) if (pid !== undefined) process.kill(pid, 'SIGCONT');
    await this.platform.stop();
    await Promise.all(this.copies.map((each) => each.stop()));
    await this.mongo.close();
    await this.servers.stop();
  }
}

/** With whom people share; nobody looks whether there is such a user. */
const FRIEND = 'abcdefabcd';

async function isSharedIn(db: Db, sharerId: string): Promise<boolean> {
  const [row] = await db.collection('perms').find({ sharerId, userId: FRIEND }).toArray();
  return row !== undefined && 'view' in row['permissions'];
}

async function serviceTokenOf(platform: Platform, id: ShardName): Promise<string> {
  const shard = platform.shard(id);
  const connection = await createConnection(shard.mongodbUri).asPromise();
  try {
    const secret = shard.api.env['IDENTITY_SECRET'] ?? '';
    return await new LocalIdentity(connection, { shardId: id, secret, sessionHours: 24 }).serviceToken('pauses');
  } finally {
    await connection.close();
  }
}

async function openPractice(servers: Servers, platform: Platform, ports: Record<string, number[]>) {
  const owner = { email: 'dana@steady.example', fullName: 'Dana Harbour', password: PASSWORD };
  const signedUp = await call({
    method: 'POST',
    url: `${platform.directory.url}/caregate/v1/accounts`,
    body: { subdomain: SUBDOMAIN, name: 'Steady Harbour', region: 'au', owner },
  });
  await confirmByMail(servers.mailWebUrl, SUBDOMAIN, owner);
  const { accountId } = signedUp.body as { accountId: string };
  const host = `http://${SUBDOMAIN}.au1.${platform.domain}:${platform.shard('au1').api.port}`;
  const { token } = (
    await call({
      method: 'POST',
      url: `${host}/caregate/v1/sessions`,
      body: { email: owner.email, password: PASSWORD },
    })
  ).body as { token: string };
  const headers = session(token);
  const clinic = await call({
    method: 'POST',
    url: `${host}/v1/clinics`,
    headers,
    body: { name: 'Steady Harbour', country: 'AU', preferredBgUnits: 'mmol/L' },
  });
  const { id: clinicId } = clinic.body as { id: string };
  const key = await call({
    method: 'POST',
    url: `${host}/caregate/v1/accounts/${accountId}/api_keys`,
    headers,
    body: { name: 'Booking' },
  });
  const secret = (key.body as { key: string }).key.replace(/-au1$/, '');
  const people: string[] = [];
  for (let n = 0; n < PEOPLE; n++) {
    const made = await call({
      method: 'POST',
      url: `http://api.au1.${platform.domain}:${platform.shard('au1').api.port}/v1/clinics/${clinicId}/patients`,
      headers: basic(`${secret}-au1`),
      body: { fullName: `Person ${n}`, birthDate: '1980-01-01' },
    });
    people.push((made.body as { id: string }).id);
  }
  return { accountId, clinicId, secret, subdomain: SUBDOMAIN, domain: platform.domain, ports, people };
}
