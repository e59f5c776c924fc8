import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectorManifest } from '../install/kafka-artifact.ts';
import { baseEnvironment } from '../process/base-environment.ts';
import type { DaemonPlan } from '../process/daemon.ts';
import { answersOk } from '../process/probe.ts';
import { freePort, host } from '../process/ports.ts';
import type { RunFolder } from '../run-folder.ts';
import { javaArguments, jarsIn } from './java-program.ts';
import type { KafkaInstallation } from './kafka-installation.ts';
import { properties } from './properties.ts';

export interface ConnectOptions {
  brokers: string;
  /** Names Connect's group and its topics; a run against somebody else's Kafka takes a name of its own. */
  group: string;
  preferredPort?: number | undefined;
}

export async function planConnect(
  installation: KafkaInstallation,
  run: RunFolder,
  { brokers, group, preferredPort }: ConnectOptions,
): Promise<DaemonPlan> {
  const port = await freePort(preferredPort);
  const config = join(run.data, `connect-${port}.properties`);
  const secrets = connectSecrets(run);
  await mkdir(secrets, { recursive: true, mode: 0o700 });
  await writeFile(config, connectProperties({ port, brokers, group, secrets }));
  const { folder, flags } = installation;
  const program = {
    classpath: [...(await jarsIn(join(folder, 'libs'))), join(folder, connectorManifest)],
    mainClass: 'org.apache.kafka.connect.cli.ConnectDistributed',
    args: [config],
    flags: flags.connect,
  };
  return {
    name: 'connect',
    ports: [port],
    command: {
      command: installation.java.command,
      args: await javaArguments(program, join(run.data, `connect-${port}.args`)),
      cwd: run.data,
      env: baseEnvironment(),
      logFile: join(run.logs, 'connect.log'),
    },
    // Answered only when the worker has joined its group and read its configuration.
    isReady: () => answersOk(`${connectUrl(port)}/connectors`),
    withinMs: 120_000,
  };
}

/** The folder whose files connectors may refer to: what is in it stands neither in their configurations nor in Connect's topic. */
export const connectSecrets = ({ data }: Pick<RunFolder, 'data'>): string => join(data, 'connect-secrets');

export function connectUrl(port: number): string {
  return `http://${host}:${port}`;
}

function connectProperties({
  port,
  brokers,
  group,
  secrets,
}: {
  port: number;
  brokers: string;
  group: string;
  secrets: string;
}): string {
  return properties({
    'bootstrap.servers': brokers,
    'group.id': group,
    listeners: `http://${host}:${port}`,
    'rest.advertised.host.name': host,
    'rest.advertised.port': port,
    'plugin.discovery': 'service_load',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'config.storage.topic': `${group}-configs`,
    'offset.storage.topic': `${group}-offsets`,
    'status.storage.topic': `${group}-status`,
    'config.storage.replication.factor': 1,
    'offset.storage.replication.factor': 1,
    'status.storage.replication.factor': 1,
    'offset.storage.partitions': 1,
    'status.storage.partitions': 1,
    'offset.flush.interval.ms': 1000,
    // After a SIGKILL the old worker and its tasks' consumers are given up within seconds, not after 45.
    'scheduled.rebalance.max.delay.ms': 0,
    'session.timeout.ms': 6000,
    'heartbeat.interval.ms': 1500,
    'consumer.session.timeout.ms': 6000,
    'consumer.heartbeat.interval.ms': 1500,
    // When Kafka is back it is noticed soon.
    'reconnect.backoff.max.ms': 500,
    'producer.reconnect.backoff.max.ms': 500,
    'consumer.reconnect.backoff.max.ms': 500,
    'admin.reconnect.backoff.max.ms': 500,
    // A connector may choose settings of its own for its producer and consumer.
    'connector.client.config.override.policy': 'All',
    'config.providers': 'file',
    'config.providers.file.class': 'org.apache.kafka.common.config.provider.FileConfigProvider',
    'config.providers.file.param.allowed.paths': secrets,
  });
}
