import { randomBytes } from 'node:crypto';
import { MongoClient } from 'mongodb';
import { startServers, startShards, type Platform, type Servers } from '@caregate/stack';
import { story, type World } from '@caregate/demo';

let servers: Servers;
let platform: Platform;
let mongo: MongoClient;
let world: World;

beforeAll(async () => {
  servers = await startServers();
  platform = await startShards(servers, { shards: ['au1', 'uk1'], prefix: `s${randomBytes(3).toString('hex')}_` });
  mongo = await MongoClient.connect(servers.mongodbUri);
  world = { servers, platform, mongo, facts: new Map() };
});

afterAll(async () => {
  await mongo?.close();
  const codes = await platform?.stop();
  await servers?.stop();
  expect(Object.values(codes ?? {}).every((code) => code === 0)).toBe(true);
});

// The steps build on each other, in this order.
test.each(story.map((step) => [step.title, step] as const))('%s', async (_title, step) => {
  await step.play(world);
});
