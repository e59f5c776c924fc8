import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MongoClient, MongoServerError } from 'mongodb';
import { baseEnvironment } from '../process/base-environment.ts';
import type { DaemonPlan } from '../process/daemon.ts';
import { accepts } from '../process/probe.ts';
import { freePort, host } from '../process/ports.ts';
import type { RunFolder } from '../run-folder.ts';

const replicaSet = 'rs0';
const alreadyInitialized = 23;

/** One mongod that is a replica set of its own, as transactions and change streams need one. */
export async function planMongod(program: string, run: RunFolder, preferredPort?: number): Promise<DaemonPlan> {
  const port = await freePort(preferredPort);
  const data = join(run.data, `mongod-${port}`);
  await mkdir(data);
  return {
    name: 'mongod',
    ports: [port],
    command: {
      command: program,
      args: [
        ...['--replSet', replicaSet, '--bind_ip', host, '--port', String(port), '--dbpath', data],
        ...['--oplogSize', '512', '--wiredTigerCacheSizeGB', '0.5', '--nounixsocket'],
        ...['--setParameter', 'diagnosticDataCollectionEnabled=false'],
        // A SIGTERM does not wait for other members to take over: there are none.
        ...['--setParameter', 'shutdownTimeoutMillisForSignaledShutdown=0'],
      ],
      cwd: data,
      env: baseEnvironment(),
      logFile: join(run.logs, 'mongod.log'),
    },
    isReady: async () => (await accepts(host, port)) && (await becomePrimary(port)),
    withinMs: 60_000,
  };
}

export function mongodUri(port: number): string {
  return `mongodb://${host}:${port}/?replicaSet=${replicaSet}`;
}

async function becomePrimary(port: number): Promise<boolean> {
  const client = new MongoClient(`mongodb://${host}:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: 2_000,
  });
  try {
    const admin = client.db('admin');
    const hello = await admin.command({ hello: 1 });
    if (hello.isWritablePrimary) return true;
    if (!hello.setName) await initiate(client, port);
    return false;
  } finally {
    await client.close();
  }
}

async function initiate(client: MongoClient, port: number): Promise<void> {
  try {
    await client.db('admin').command({
      replSetInitiate: { _id: replicaSet, members: [{ _id: 0, host: `${host}:${port}` }] },
    });
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.code !== alreadyInitialized) throw error;
  }
}

/** Whether a MongoDB answers there. */
export async function mongodbAnswers(uri: string, withinMs = 5_000): Promise<boolean> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: withinMs });
  try {
    await client.db('admin').command({ ping: 1 });
    return true;
  } finally {
    await client.close();
  }
}
