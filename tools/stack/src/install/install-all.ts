import { messageOf } from '../errors.ts';
import type { KafkaInstallation } from '../servers/kafka-installation.ts';
import { install, type InstallOptions } from './artifact.ts';
import { archiveFlags, classArchivesArtifact } from './class-archives.ts';
import { findJava } from './java.ts';
import { kafkaArtifact } from './kafka-artifact.ts';
import { mongodArtifact } from './mongod-artifact.ts';
import { oldestNodeArtifact } from './oldest-node-artifact.ts';

/** The path of mongod, downloaded if need be. */
export async function installMongod(options: InstallOptions): Promise<string> {
  return `${await install(mongodArtifact(), options)}/bin/mongod`;
}

/** The path of the oldest Node.js that Caregate runs on, downloaded if need be. */
export async function installOldestNode(options: InstallOptions): Promise<string> {
  return `${await install(oldestNodeArtifact(), options)}/bin/node`;
}

/** Kafka, Connect and the connector, downloaded if need be. */
export async function installKafka(options: InstallOptions): Promise<KafkaInstallation> {
  const java = await findJava();
  const folder = await install(kafkaArtifact(), options);
  const plain: KafkaInstallation = { folder, java, flags: { kafka: [], connect: [] } };
  try {
    return { ...plain, flags: archiveFlags(await install(classArchivesArtifact(plain), options)) };
  } catch (error) {
    options.log(`going on without class archives, Kafka starts slower: ${messageOf(error).split('\n')[0]}`);
    return plain;
  }
}
