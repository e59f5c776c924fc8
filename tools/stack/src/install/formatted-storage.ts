import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from '../process/run-tool.ts';
import { javaArguments, jarsIn } from '../servers/java-program.ts';
import { kafkaProperties, type KafkaUser } from '../servers/kafka-properties.ts';
import type { Java } from './java.ts';

/** Formats an empty storage, to be copied for each run; with a user, one that knows them by SCRAM. It does not depend on ports. */
export async function formatStorage(java: Java, libs: string, storage: string, user?: KafkaUser): Promise<void> {
  const work = `${storage}.work`;
  await mkdir(work, { recursive: true });
  const config = join(work, 'server.properties');
  await writeFile(config, kafkaProperties({ port: 1, controllerPort: 2, storage }));
  const clusterId = 'Y2FyZWdhdGUtc3RhY2stMQ'; // any 16 bytes
  const program = {
    classpath: await jarsIn(libs),
    mainClass: 'kafka.tools.StorageTool',
    args: ['format', '-t', clusterId, '-c', config, ...(user ? scramUser(user) : [])],
  };
  await runTool(java.command, await javaArguments(program, join(work, 'java.args')), work);
  await rm(work, { recursive: true });
}

const scramUser = ({ name, password }: KafkaUser): string[] =>
  ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${name},password=${password}]`,
  ]);
