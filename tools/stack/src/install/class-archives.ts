import { createHash } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { silent } from '../log.ts';
import { Daemon, type DaemonPlan } from '../process/daemon.ts';
import { host } from '../process/ports.ts';
import { planConnect } from '../servers/connect.ts';
import type { KafkaInstallation } from '../servers/kafka-installation.ts';
import { planKafka } from '../servers/kafka.ts';
import type { Artifact } from './artifact.ts';

/**
 * Java reads classes that it has loaded before from an archive, which more than halves the start of Kafka and
 * Connect. The archive belongs to one build of Java and to the exact jars, and is made by running both once.
 */
export function classArchivesArtifact(installation: KafkaInstallation): Artifact {
  const edition = createHash('sha256').update(installation.java.description).digest('hex').slice(0, 8);
  return {
    title: 'Kafka class archives',
    effort: 'preparing quick starts, once for this Java',
    // Within Kafka's folder: new jars, new archives.
    folder: join(installation.folder, `classes-${edition}`),
    attempts: 1,
    async fetch(into) {
      const work = join(into, 'work');
      await mkdir(join(work, 'logs'), { recursive: true });
      const run = { id: 'prepare', data: work, logs: join(work, 'logs'), clear: async () => {} };
      const dumping = {
        ...installation,
        flags: { kafka: [dumpTo(into, 'kafka')], connect: [dumpTo(into, 'connect')] },
      };
      await running(await planKafka(dumping, run), async ([port]) =>
        running(await planConnect(dumping, run, { brokers: `${host}:${port}`, group: 'connect' }), async () => {}),
      );
      await rm(work, { recursive: true });
    },
    async faults(folder) {
      const missing = await Promise.all(
        ['kafka', 'connect'].map((name) =>
          stat(archive(folder, name)).then(
            () => [],
            () => [`${name}.jsa is missing`],
          ),
        ),
      );
      return missing.flat();
    },
  };
}

export function archiveFlags(folder: string): KafkaInstallation['flags'] {
  // Should an archive not fit, Java says so in the log and goes on without it.
  const flags = (name: string) => [`-XX:SharedArchiveFile=${archive(folder, name)}`];
  return { kafka: flags('kafka'), connect: flags('connect') };
}

async function running(plan: DaemonPlan, work: (ports: number[]) => Promise<void>): Promise<void> {
  const daemon = new Daemon(plan, silent);
  await daemon.start();
  try {
    await work(plan.ports);
  } finally {
    // The archive is written on the way out.
    await daemon.stop(60_000);
  }
}

function dumpTo(folder: string, name: string): string {
  return `-XX:ArchiveClassesAtExit=${archive(folder, name)}`;
}

function archive(folder: string, name: string): string {
  return join(folder, `${name}.jsa`);
}
