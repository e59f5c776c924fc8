import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { call, eventually, session } from '@caregate/demo';
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { MongoClient } from 'mongodb';
import { openPractice, type Practice } from '../practice.ts';
import { Writer } from './writer.ts';

export const VICTIMS = ['clinic-api', 'mongod'] as const;
export type Victim = (typeof VICTIMS)[number];

/** A clinic that several people write to, on a server of its own, while API and database are killed. */
export class CrashRun {
  private stopping = false;
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly servers: Servers,
    private readonly platform: Platform,
    private readonly practice: Practice,
    readonly writers: readonly Writer[],
  ) {}

  static async begin({ writers, keyed }: { writers: number; keyed: boolean }): Promise<CrashRun> {
    const servers = await startServers({ only: ['mongod'], env: {} });
    try {
      const platform = await startShards(servers, { shards: ['au1'], only: ['clinic-api'] });
      const { api } = platform.shard('au1');
      const practice = await openPractice(platform.shard('au1'), 'harbour');
      const clinicUrl = `${api.url}/v1/clinics/${practice.clinicId}`;
      const tags: string[] = [];
      for (const name of ['Blue', 'Green', 'Red']) {
        const headers = session(practice.token);
        const { body } = await call({ method: 'POST', url: `${clinicUrl}/patient_tags`, headers, body: { name } });
        tags.push((body as { id: string }).id); // as the contract says
      }
      const desk = { clinicUrl, token: practice.token, tags, keyed };
      const run = new CrashRun(
        servers,
        platform,
        practice,
        Array.from({ length: writers }, () => new Writer(desk)),
      );
      run.writing = Promise.all(run.writers.map((each) => each.write(() => run.stopping)));
      run.writing.catch(() => undefined); // it is awaited in the end
      return run;
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  get acknowledged(): number {
    return this.writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  get repeated(): number {
    return this.writers.reduce((sum, { repeated }) => sum + repeated, 0);
  }

  /** SIGKILL in the midst of writes, and once more; then they go on. */
  async killAndRevive(...victims: Victim[]): Promise<void> {
    await this.writesGoOn();
    await delay(randomInt(300)); // anywhere in a write
    await Promise.all(victims.map((name) => this.victim(name).kill()));
    if (victims.includes('mongod')) await this.servers.mongod.start();
    if (victims.includes('clinic-api')) await this.victim('clinic-api').start();
    await this.writesGoOn();
  }

  private async writesGoOn(): Promise<void> {
    const before = this.acknowledged;
    const everybody = this.writers.length * 3;
    await eventually('writes are acknowledged', async () => this.acknowledged > before + everybody, 90_000);
  }

  async settle(): Promise<void> {
    this.stopping = true;
    await this.writing;
  }

  /** What was acknowledged and is not so, what there is that nobody made, and what was found amiss in between. */
  async differences(): Promise<string[]> {
    const mongo = await MongoClient.connect(this.servers.mongodbUri);
    try {
      const { database } = this.platform.shard('au1');
      const rows = await mongo.db(database).collection('patients').find().toArray();
      const found = this.writers.flatMap(({ forgotten }) => forgotten);
      const known = new Map(this.writers.flatMap(({ patients }) => [...patients]));
      for (const row of rows) {
        const { userId, fullName, tags } = row as unknown as { userId: string; fullName: string; tags: unknown[] };
        const wanted = known.get(userId);
        if (!wanted) found.push(`${userId} is too much`);
        else if (wanted.fullName !== fullName || wanted.tags.join() !== tags.map(String).join())
          found.push(`${userId} is not as it was acknowledged`);
        known.delete(userId);
      }
      for (const userId of known.keys()) found.push(`${userId} is lost`);
      if (new Set(rows.map((row) => row['userId'])).size !== rows.length) found.push('a patient is there twice');
      return found;
    } finally {
      await mongo.close();
    }
  }

  /** What `caregate counts check` says: its exit status and its lines. */
  async recount(): Promise<{ code: number; said: string }> {
    const program = join(import.meta.dirname, '../../../caregate/src/main.ts');
    const child = spawn(process.execPath, [program, 'counts', 'check', this.practice.clinicId], {
      env: { PATH: process.env.PATH ?? '', MONGODB_URI: this.platform.shard('au1').mongodbUri },
    });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    const [code] = (await once(child, 'close')) as [number];
    return { code, said };
  }

  async end(): Promise<void> {
    this.stopping = true;
    await this.writing.catch(() => undefined);
    await this.platform.stop();
    await this.servers.stop();
  }

  private victim(name: Victim) {
    return name === 'mongod' ? this.servers.mongod : this.platform.shard('au1').api;
  }
}
