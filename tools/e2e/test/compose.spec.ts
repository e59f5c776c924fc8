import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { versions } from '@caregate/stack';
import { parse } from 'yaml';

interface Service {
  image?: string;
  build?: { context?: string; args?: Record<string, string> };
  environment?: Record<string, string>;
}

const root = join(import.meta.dirname, '../../..');
const read = async (file: string) => parse(await readFile(join(root, file), 'utf8'), { merge: true });
// The shape that the compose specification gives it.
const services = (await read('docker-compose.yml')).services as Record<string, Service>;

const SHARD_APPS = ['clinic-api', 'clinic-worker', 'gatekeeper-sync'];
const SHARDS = ['au1', 'uk1'];

test('the compose file names the servers in the versions that the embedded stack runs', () => {
  expect(services.mongod?.image).toBe(`mongo:${versions.mongod}`);
  expect(services.kafka?.image).toBe(`apache/kafka:${versions.kafka}`);
  expect(services.maildev?.image).toBe(`maildev/maildev:${versions.maildev}`);
  expect(services.connect?.build).toEqual({
    context: 'deploy/connect',
    args: { KAFKA_VERSION: versions.kafka, MONGO_CONNECTOR_VERSION: versions.mongoConnector },
  });
});

test.each(SHARDS.flatMap((shard) => SHARD_APPS.map((app) => [app, shard] as const)))(
  'it starts %s for %s from the Dockerfile, with the shard’s own databases',
  (app, shard) => {
    const service = services[`${app}-${shard}`];
    expect(service?.build).toEqual({ context: '.', args: { APP: app } });
    expect(existsSync(join(root, 'Dockerfile'))).toBe(true);
    expect(service?.environment?.SHARD_ID).toBe(shard);
    expect(service?.environment?.MONGODB_URI).toContain(`/clinic_${shard}?`);
    if (app === 'gatekeeper-sync') {
      expect(service?.environment?.GATEKEEPER_MONGODB_URI).toContain(`/gatekeeper_${shard}?`);
    }
    if (app !== 'clinic-api') {
      expect(service?.environment?.KAFKA_BROKERS).toBe('kafka:9092');
    }
  },
);

test('it starts one directory, which knows just these shards', async () => {
  expect(services.directory?.build).toEqual({ context: '.', args: { APP: 'directory' } });
  const { shards } = (await read('deploy/shards.yaml')) as { shards: { id: string }[] };
  expect(shards.map(({ id }) => id)).toEqual(SHARDS);
});

test('directory and shards share the provisioning secret', () => {
  const secrets = ['directory', 'clinic-api-au1', 'clinic-api-uk1'].map(
    (name) => services[name]?.environment?.PROVISIONING_SECRET,
  );
  expect(new Set(secrets).size).toBe(1);
  expect(secrets[0]).toBeTruthy();
});
