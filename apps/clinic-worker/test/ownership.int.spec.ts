import { eventually } from '@caregate/eventually';
import { startApp } from '@caregate/service';
import { createConnection } from 'mongoose';
import { clinicWorker } from '../src/app.ts';
import { SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

// Two shards that were configured alike: the second one's worker takes none of the first one's events.
describeWithServers('a worker of another shard with the topic prefix of this one', () => {
  const shard = new TestShard();
  beforeAll(() => shard.start(), 60_000);
  afterAll(() => shard.stop(), 60_000);

  test.each(['uk1', 'au1'])('of shard %s is not ready, says what to change, and joins no group', async (SHARD_ID) => {
    await shard.worker();
    const MONGODB_URI = shard.uri.replace('_clinic', `_other_${SHARD_ID}`);
    const { app, url } = await startApp(clinicWorker, shard.settings({ SHARD_ID, MONGODB_URI }));
    try {
      const ready = () => fetch(`${url}/ready`).then((answer) => answer.text());
      const whose = SHARD_ID === 'au1' ? 'another database of shard au1' : 'shard au1';
      await eventually(async () => (await ready()).includes(`on this Kafka belong to ${whose}`), 'told whose they are');
      expect(await ready()).toContain('change TOPIC_PREFIX, KAFKA_BROKERS or MONGODB_URI');
      const admin = shard.kafka.admin();
      await admin.connect();
      const { groups } = await admin.describeGroups([`${shard.prefix}.worker`]);
      await admin.disconnect();
      expect(groups[0]?.members.length).toBe(SHARD_ID === 'uk1' ? 1 : 2); // those of this shard
    } finally {
      await app.close();
      const other = await createConnection(MONGODB_URI).asPromise();
      await other.dropDatabase();
      await other.close();
    }
  });
});
