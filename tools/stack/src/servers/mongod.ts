import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MongoClient, MongoServerError } from 'mongodb';
import type { Certificates } from '../certificates.ts';
import { StackError } from '../errors.ts';
import { poll } from '../poll.ts';
import { baseEnvironment } from '../process/base-environment.ts';
import type { DaemonPlan } from '../process/daemon.ts';
import { accepts } from '../process/probe.ts';
import { freePort, host } from '../process/ports.ts';
import type { RunFolder } from '../run-folder.ts';

const replicaSet = 'rs0';
const alreadyInitialized = 23;

/** One mongod that is a replica set of its own, as transactions and change streams need one. */
export async function planMongod(
  program: string,
  run: RunFolder,
  preferredPort?: number,
  tls?: Certificates,
): Promise<DaemonPlan> {
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
        ...(tls ? ['--tlsMode', 'requireTLS', '--tlsCertificateKeyFile', tls.serverFile] : []),
        ...(tls ? ['--tlsCAFile', tls.caFile, '--tlsAllowConnectionsWithoutCertificates'] : []),
        // A SIGTERM does not wait for other members to take over: there are none.
        ...['--setParameter', 'shutdownTimeoutMillisForSignaledShutdown=0'],
      ],
      cwd: data,
      env: baseEnvironment(),
      logFile: join(run.logs, 'mongod.log'),
    },
    isReady: async () => (await accepts(host, port)) && (await becomePrimary(port, tls)),
    withinMs: 60_000,
  };
}

/** The address of the one that speaks TLS says so, and by which CA to know it. */
export function mongodUri(port: number, tls?: Certificates): string {
  const plain = `mongodb://${host}:${port}/?replicaSet=${replicaSet}`;
  return tls ? `${plain}&tls=true&tlsCAFile=${encodeURIComponent(tls.caFile)}` : plain;
}

async function becomePrimary(port: number, tls?: Certificates): Promise<boolean> {
  const client = new MongoClient(`mongodb://${host}:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: 2_000,
    ...(tls && { tls: true, tlsCAFile: tls.caFile }),
  });
  const hello = () => client.db('admin').command({ hello: 1 });
  try {
    if (!(await hello()).setName) await initiate(client, port);
    return await poll(async () => (await hello()).isWritablePrimary, { everyMs: 20, withinMs: 5_000 });
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

/** Whether a MongoDB answers there that has transactions and change streams. */
export async function mongodbAnswers(uri: string, withinMs = 5_000): Promise<boolean> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: withinMs });
  try {
    const { setName, msg } = await client.db('admin').command({ hello: 1 });
    if (setName || msg === 'isdbgrid') return true;
    throw new StackError(
      'it is neither a replica set nor a sharded cluster, which transactions and change streams need',
    );
  } finally {
    await client.close();
  }
}
