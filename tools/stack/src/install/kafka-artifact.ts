import { createHash } from 'node:crypto';
import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, stackPackage } from '../places.ts';
import { runTool } from '../process/run-tool.ts';
import { versions } from '../versions.ts';
import type { Artifact } from './artifact.ts';
import { differences, pinnedChecksums } from './checksums.ts';
import { formatStorage } from './formatted-storage.ts';
import { findJava } from './java.ts';
import { zip } from './python.ts';

const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

/** What is made here out of the download: a jar that makes the connector known, and an empty formatted storage. */
export const connectorManifest = 'connector-manifest.jar';
export const formattedStorage = 'formatted-storage';

/** Kafka, Kafka Connect and the MongoDB connector: one folder of jars. */
export function kafkaArtifact(cache = cacheFolder()): Artifact {
  const pinned = pinnedChecksums().kafka;
  // Other pins, other folder: checkouts of different ages do not overwrite each other's.
  const edition = createHash('sha256').update(JSON.stringify(pinned)).digest('hex').slice(0, 8);
  return {
    title: `Kafka ${versions.kafka} with MongoDB connector ${versions.mongoConnector}`,
    effort: 'downloading 60 MB from Maven Central',
    folder: join(cache, `kafka-${versions.kafka}-${edition}`),
    attempts: 3,
    async fetch(into, attempt) {
      const java = await findJava();
      await downloadJars(into, attempt);
      await writeConnectorManifest(into);
      await formatStorage(java, join(into, 'libs'), join(into, formattedStorage));
    },
    async faults(folder) {
      const made = await Promise.all(
        [connectorManifest, join(formattedStorage, 'meta.properties')].map((file) =>
          stat(join(folder, file)).then(
            () => [],
            () => [`${file} is missing`],
          ),
        ),
      );
      return [...(await differences(join(folder, 'libs'), pinned)), ...made.flat()];
    },
  };
}

export async function downloadJars(into: string, attempt: number): Promise<void> {
  const work = join(into, 'work');
  await mkdir(work);
  await copyFile(join(stackPackage, 'pom.xml'), join(work, 'pom.xml'));
  const args = ['--quiet', '--batch-mode', copyDependencies, `-DoutputDirectory=${join(into, 'libs')}`];
  // A damaged jar may sit in the user's Maven repository; it is not ours to repair, so it is left aside.
  if (attempt > 1) args.push(`-Dmaven.repo.local=${join(work, 'repository')}`);
  await runTool('mvn', args, work);
  await rm(work, { recursive: true });
}

/**
 * The connector's jar has no service manifest, so Connect would have to look through all jars for it, which takes
 * seconds at each start. A manifest of its own lets `plugin.discovery=service_load` find it at once.
 */
async function writeConnectorManifest(into: string): Promise<void> {
  const work = join(into, 'work');
  const services = join(work, 'META-INF', 'services');
  await mkdir(services, { recursive: true });
  await writeFile(
    join(services, 'org.apache.kafka.connect.source.SourceConnector'),
    'com.mongodb.kafka.connect.MongoSourceConnector\n',
  );
  await writeFile(
    join(services, 'org.apache.kafka.connect.sink.SinkConnector'),
    'com.mongodb.kafka.connect.MongoSinkConnector\n',
  );
  await zip(join(into, connectorManifest), 'META-INF', work);
  await rm(work, { recursive: true });
}
