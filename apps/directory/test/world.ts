import { randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDirectoryKey } from '@caregate/identity/directory-token';
import { type Connection, createConnection } from 'mongoose';
import { DirectoryProcess } from './directory-process.ts';
import { ShardStandIn } from './shard-stand-in.ts';

/** A directory with its database, its file of shards, and a stand-in for each shard. */
export interface World {
  readonly env: Record<string, string>;
  readonly directory: DirectoryProcess;
  readonly au1: ShardStandIn;
  readonly uk1: ShardStandIn;
  readonly database: Connection;
  /** The text of the file of shards, as it is unless a test changes it. */
  readonly shardsText: string;
  writeShards(text: string): Promise<void>;
  stop(): Promise<void>;
}

const key = newDirectoryKey();
export const DIRECTORY_PUBLIC_KEYS = key.publicKey;
export const OPERATOR_TOKEN = 'an operator token of tests, long enough';

export async function startWorld(settings: Record<string, string> = {}): Promise<World> {
  const [au1, uk1] = [await new ShardStandIn().start(), await new ShardStandIn().start()];
  const folder = await mkdtemp(join(tmpdir(), 'caregate-directory-'));
  const shardsFile = join(folder, 'shards.yaml');
  const shardsText = shardsOf(au1, uk1);
  const uri = testDatabase();
  const env = {
    SHARDS_FILE: shardsFile,
    MONGODB_URI: uri,
    DIRECTORY_SIGNING_KEY: key.privateKey,
    OPERATOR_TOKEN,
    SIGN_UPS_PER_HOUR: '10000',
    LOG_LEVEL: 'trace',
    DOMAIN: 'example.test',
    ...settings,
  };
  // Replaced whole, as configuration management does; a half-written file is never seen.
  const writeShards = async (text: string) => {
    await writeFile(`${shardsFile}.new`, text);
    await rename(`${shardsFile}.new`, shardsFile);
  };
  await writeShards(shardsText);
  const database = await createConnection(uri).asPromise();
  const directory = await (await new DirectoryProcess(env).start()).ready();
  const stop = async () => {
    await directory.end();
    await Promise.all([au1.stop(), uk1.stop()]);
    await database.dropDatabase();
    await database.close();
    await rm(folder, { recursive: true });
  };
  return { env, directory, au1, uk1, database, shardsText, writeShards, stop };
}

function shardsOf(au1: ShardStandIn, uk1: ShardStandIn): string {
  return `
regions:
  - { id: au, name: Australia, description: Your data is stored in Sydney and does not leave Australia. }
  - { id: uk, name: United Kingdom, description: Your data is stored in London. }
shards:
  - { id: au1, region: au, state: open, apiUrl: '${au1.url}' }
  - { id: au2, region: au, state: full, weight: 100, apiUrl: 'http://127.0.0.1:9' }
  - { id: uk1, region: uk, state: open, apiUrl: '${uk1.url}', publicPort: 8443 }
`;
}

function testDatabase(): string {
  const uri = new URL(process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017/');
  uri.pathname = `/directory_test_${randomBytes(6).toString('hex')}`;
  return uri.href;
}

let count = 0;

/** A sign-up that nobody has made before. */
export function newSignUp(changes: { subdomain?: string; region?: string } = {}) {
  count += 1;
  return {
    subdomain: `good-times-${count}`,
    name: `Good Times ${count}`,
    region: 'au',
    owner: {
      email: `owner${count}@example.test`,
      fullName: `Owner Number ${count}`,
      password: `correct horse ${count}`,
    },
    ...changes,
  };
}
