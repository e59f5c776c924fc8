import { randomBytes } from 'node:crypto';
import { eventually } from '@caregate/eventually';
import { Kafka, logLevel } from 'kafkajs';
import { madeTopic } from '../test/made-topic.ts';
import { TopicIds } from './topic-ids.ts';

const { KAFKA_BROKERS } = process.env;
const describeWithKafka = KAFKA_BROKERS ? describe : describe.skip;

describeWithKafka('the ids of topics', () => {
  const kafka = new Kafka({ brokers: (KAFKA_BROKERS ?? '').split(','), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const ids = new TopicIds(kafka);
  const topic = `t${randomBytes(5).toString('hex')}`;
  beforeAll(() => admin.connect());
  afterAll(async () => {
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
    await ids.close();
  });

  const create = () => madeTopic(admin, topic, 130);

  it('are of the topic that there is, and another when it is made anew', async () => {
    await create();
    const first = await eventually(async () => {
      const found = await ids.of([topic, 'there-is-none']);
      return found.size > 0 && found;
    });
    expect([...first.keys()]).toEqual([topic]);
    expect(first.get(topic)).toMatch(/^[0-9a-f]{32}$/);
    expect(await ids.of([topic])).toEqual(first);
    await admin.deleteTopics({ topics: [topic] });
    await create();
    // The broker learns of it a moment later than the controller.
    const second = await eventually(async () => {
      const id = (await ids.of([topic])).get(topic);
      return id !== first.get(topic) && id;
    });
    expect(second).toMatch(/^[0-9a-f]{32}$/);
  });
});
