import { MongoClient } from 'mongodb';
import { randomBytes } from 'node:crypto';
import { newDirectoryKey } from '@caregate/identity/directory-token';
import { type App, startApp } from '@caregate/stack';
import type { Target } from './world.ts';

/** The built clinic API, on a database of its own. */
export interface Api {
  readonly target: Target;
  readonly app: App;
  /** Stops it and removes the database. */
  close(): Promise<void>;
}

/** @param server where the database is made: `MONGODB_URI` without a database */
export async function startApi(
  server: string,
  dist?: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Api> {
  const uri = new URL(server);
  uri.pathname = `/clinic_fuzz_${randomBytes(6).toString('hex')}`;
  const secret = () => randomBytes(32).toString('hex');
  const [identitySecret, shardId] = [secret(), 'au1'];
  const directoryKey = newDirectoryKey();
  const app = await startApp({
    name: 'clinic-api',
    label: 'clinic-api-fuzz',
    env: {
      MONGODB_URI: uri.href,
      SHARD_ID: shardId,
      DOMAIN: 'localhost',
      IDENTITY: 'local',
      IDENTITY_SECRET: identitySecret,
      DIRECTORY_PUBLIC_KEYS: directoryKey.publicKey,
      // It has mails sent as often as it can.
      ...Object.fromEntries(
        [
          'INVITES_PER_HOUR',
          ...['RECIPIENT', 'RECORD', 'PERSON', 'CLINIC', 'ACCOUNT'].map((by) => `MAILS_PER_${by}`),
        ].map((name) => [name, '1000000']),
      ),
      LOG_LEVEL: 'warn',
      ...settings,
    },
    ...(dist !== undefined && { dist }),
  });
  return {
    target: { url: app.url, shardId, identitySecret, directorySigningKey: directoryKey.privateKey },
    app,
    close: async () => {
      await app.stop();
      const client = await MongoClient.connect(uri.href);
      await client.db().dropDatabase();
      await client.close();
    },
  };
}
