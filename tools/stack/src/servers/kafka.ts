import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formattedStorage } from '../install/kafka-artifact.ts';
import { formatStorage } from '../install/formatted-storage.ts';
import { baseEnvironment } from '../process/base-environment.ts';
import type { DaemonPlan } from '../process/daemon.ts';
import { accepts } from '../process/probe.ts';
import { freePort, host } from '../process/ports.ts';
import type { RunFolder } from '../run-folder.ts';
import type { KafkaInstallation } from './kafka-installation.ts';
import { javaArguments, jarsIn } from './java-program.ts';
import { kafkaProperties, type SecureListener } from './kafka-properties.ts';

export async function planKafka(
  installation: KafkaInstallation,
  run: RunFolder,
  preferredPort?: number,
  secured?: Omit<SecureListener, 'port'>,
): Promise<DaemonPlan> {
  const port = await freePort(preferredPort);
  const controllerPort = await freePort();
  const storage = join(run.data, `kafka-${port}`);
  const secure = secured && { ...secured, port: await freePort() };
  if (secure) await formatStorage(installation.java, join(installation.folder, 'libs'), storage, secure.user);
  else await cp(join(installation.folder, formattedStorage), storage, { recursive: true });
  const config = join(run.data, `kafka-${port}.properties`);
  await writeFile(config, kafkaProperties({ port, controllerPort, storage, secure }));
  const program = {
    classpath: await jarsIn(join(installation.folder, 'libs')),
    mainClass: 'kafka.Kafka',
    args: [config],
    flags: installation.flags.kafka,
  };
  return {
    name: 'kafka',
    ports: [port, controllerPort, ...(secure ? [secure.port] : [])],
    command: {
      command: installation.java.command,
      args: await javaArguments(program, join(run.data, `kafka-${port}.args`)),
      cwd: run.data,
      env: baseEnvironment(),
      logFile: join(run.logs, 'kafka.log'),
    },
    // The broker opens this port last, when it is ready for clients.
    isReady: async () => (await accepts(host, port)) && (!secure || (await accepts(host, secure.port))),
    withinMs: 90_000,
  };
}
