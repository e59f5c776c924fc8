import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { CLINIC_MODELS, type ClinicModels } from '@caregate/clinic-model';
import { type AccountClient, type ClinicClient, createAccountClient, createClinicClient } from '@caregate/contracts';
import { LinkSecrets } from '@caregate/identity';
import { HealthChecks, MONGO, startApp } from '@caregate/service';
import type { Connection } from 'mongoose';
import { clinicApi } from '../src/app.ts';
import { asDirectory, DIRECTORY_PUBLIC_KEYS } from './directory.ts';
import { IdentityServer, type TestUser } from './identity-server.ts';
import { allowWritesOnlyInTransactions } from './only-in-transactions.ts';

export type { TestUser } from './identity-server.ts';

const LINK_SECRET = 'for links of tests, long enough to be taken';

/** The app on a database of its own, with an identity service in memory, and clients that speak for whom you like. */
export interface Harness {
  readonly url: string;
  /** Of its database, for a second copy of the app. */
  readonly uri: string;
  readonly app: NestFastifyApplication;
  readonly connection: Connection;
  readonly models: ClinicModels;
  readonly identity: IdentityServer;
  /** As the worker puts them into mails. */
  readonly mailedSecrets: LinkSecrets;
  /** Adds a user to the identity service and gives a client that speaks for them. */
  newUser(given?: Partial<TestUser>): TestUser & { readonly api: ClinicClient };
  asUser(userId: string): ClinicClient;
  asService(name?: string): ClinicClient;
  withKey(apiKey: string): ClinicClient;
  account(caller: { token?: string; apiKey?: string; bearer?: string }): AccountClient;
  /** Speaks for the directory; of what is about one account without naming it in the path, for that account. `claim` is that of its moves (1). */
  directory(accountId?: string, claim?: number): AccountClient;
  /** Any request, for what a typed client refuses to send. */
  send(
    path: string,
    init?: RequestInit & { token?: string },
  ): Promise<{ status: number; body: unknown; headers: Headers }>;
  close(): Promise<void>;
}

/** Starts all of it, or a definition of the app that a test has added to; `close` drops the database again, unless it was given. */
export async function startHarness(env: NodeJS.ProcessEnv = {}, definition = clinicApi): Promise<Harness> {
  allowWritesOnlyInTransactions();
  const identity = await IdentityServer.start();
  const uri = env.MONGODB_URI ?? databaseOfItsOwn();
  const shard = env.SHARD_ID ?? 'au1';
  const { app, url } = await startApp(definition, {
    SHARD_ID: shard,
    LOG_LEVEL: 'fatal',
    MAX_REQUESTS_IN_FLIGHT: '0', // tests race many at once, on machines however slow
    MAILS_PER_RECIPIENT: '100000', // scenes are played many times with the same few people
    MAILS_PER_RECORD: '100000',
    MONGODB_URI: uri,
    IDENTITY: 'http',
    IDENTITY_URL: identity.url,
    DIRECTORY_PUBLIC_KEYS,
    LINK_SECRET,
    ...env,
  });
  await untilReady(app);
  const connection = app.get<Connection>(MONGO);
  const client = (caller: { token?: string; apiKey?: string }) => createClinicClient({ baseUrl: url, ...caller });
  const asUser = (userId: string) => client({ token: `user:${userId}` });
  return {
    url,
    uri,
    app,
    connection,
    models: app.get<ClinicModels>(CLINIC_MODELS),
    identity,
    mailedSecrets: new LinkSecrets(shard, [LINK_SECRET]),
    newUser: (given) => {
      const user = identity.addUser(given);
      return { ...user, api: asUser(user.userId) };
    },
    asUser,
    asService: (name = 'server') => client({ token: `server:${name}` }),
    withKey: (apiKey) => client({ apiKey }),
    account: (caller) => createAccountClient({ baseUrl: url, ...caller }),
    directory: (accountId, claim) =>
      asDirectory(url, { shard, ...(accountId !== undefined && { accountId }), ...(claim !== undefined && { claim }) }),
    send: (path, init) => send(url + path, init),
    close: async () => {
      if (env.MONGODB_URI === undefined) await connection.dropDatabase();
      await app.close();
      await identity.close();
    },
  };
}

/** `MONGODB_URI` with a database that no other test uses. */
function databaseOfItsOwn(): string {
  const server = process.env.MONGODB_URI;
  if (!server)
    throw new Error(
      'MONGODB_URI is needed: the server that the test may use, such as mongodb://127.0.0.1:27017/?replicaSet=rs0',
    );
  const uri = new URL(server);
  uri.pathname = `/clinic_test_${randomBytes(6).toString('hex')}`;
  return uri.href;
}

async function untilReady(app: NestFastifyApplication): Promise<void> {
  const health = app.get(HealthChecks);
  for (let tries = 1_200; ; tries--) {
    try {
      return await health.assertReady();
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function send(url: string, { token, headers, ...init }: RequestInit & { token?: string } = {}) {
  const response = await fetch(url, {
    ...init,
    headers: {
      ...(token !== undefined && { 'x-tidepool-session-token': token }),
      ...(init.body !== undefined && { 'content-type': 'application/json' }),
      ...(headers as Record<string, string> | undefined), // tests give them as a plain object
    },
  });
  const text = await response.text();
  return { status: response.status, body: parse(text), headers: response.headers };
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

/** What an operation answered; fails the test when it did not succeed. */
export function answered<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(error)}`);
  return data as T; // a success has what the contract says
}

/** The status that an operation answered. */
export const statusOf = ({ response }: { response: Response }) => response.status;

/** Creates a clinic as this user and gives it. */
export async function newClinic(
  api: ClinicClient,
  given: { name?: string; country?: string; preferredBgUnits?: 'mg/dL' | 'mmol/L' } = {},
) {
  const body = { name: 'Harbour Clinic', preferredBgUnits: 'mg/dL' as const, country: 'US', ...given };
  return answered(await api.POST('/v1/clinics', { body }));
}
