import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Java } from '../install/java.ts';
import { host } from '../process/ports.ts';
import { runTool } from '../process/run-tool.ts';
import { properties } from './properties.ts';

/** For one short-lived node on few cores: the cheapest collector and the quick compiler only. */
const jvmFlags = ['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8'];

export interface JavaProgram {
  java: Java;
  classpath: string[];
  mainClass: string;
  args: string[];
  /** Flags of this run, e.g. for the class archive. */
  flags?: string[];
}

export function javaArguments({ classpath, mainClass, args, flags = [] }: JavaProgram): string[] {
  return [...jvmFlags, ...flags, '-cp', classpath.join(':'), mainClass, ...args];
}

export async function jarsIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jar'));
  return names.sort().map((name) => join(folder, name));
}

/** One node that is broker and controller, tuned to start and to recover quickly. */
export function kafkaProperties({
  port,
  controllerPort,
  storage,
}: {
  port: number;
  controllerPort: number;
  storage: string;
}): string {
  return properties({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${host}:${controllerPort}`,
    listeners: `PLAINTEXT://${host}:${port},CONTROLLER://${host}:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${host}:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': storage,
    'num.partitions': 3,
    // One node: no replicas, and few partitions for what Kafka keeps for itself.
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // Groups form at once, and notice within seconds that a member has been killed.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // After a SIGKILL the broker is let in again soon.
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3000,
  });
}

/** Formats an empty storage, to be copied for each run. It does not depend on ports. */
export async function formatStorage(java: Java, libs: string, storage: string): Promise<void> {
  const work = `${storage}.work`;
  await mkdir(work, { recursive: true });
  const config = join(work, 'server.properties');
  await writeFile(config, kafkaProperties({ port: 1, controllerPort: 2, storage }));
  const clusterId = 'Y2FyZWdhdGUtc3RhY2stMQ'; // any 16 bytes
  const args = javaArguments({
    java,
    classpath: await jarsIn(libs),
    mainClass: 'kafka.tools.StorageTool',
    args: ['format', '-t', clusterId, '-c', config],
  });
  await runTool(java.command, args, dirname(config));
  await rm(work, { recursive: true });
}
