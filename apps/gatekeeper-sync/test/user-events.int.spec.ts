import { IdentityService, type LocalIdentity } from '@caregate/identity';
import { Kafka as CloudEvents, type Message } from 'cloudevents';
import kafkajs from 'kafkajs';
import { eventually } from '@caregate/eventually';
import { runningApp, type RunningApp } from './running-app.ts';

const HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

let running: RunningApp;
let topic: string;
beforeAll(async () => {
  running = await runningApp();
  topic = `${running.prefix}.user-events`;
});
afterAll(() => running?.close());

test('what happens to the shard’s own users is published as CloudEvents, in order, under the user’s id, and nothing else is', async () => {
  const identity = running.app.get<unknown, LocalIdentity>(IdentityService);
  const { userId } = await identity.createUser({
    email: 'ann@example.test',
    fullName: 'Ann Owner',
    passwordHash: HASH,
  });
  await identity.saveProfile(userId, { fullName: 'Ann Other' });
  await identity.updateUser(userId, { email: 'new@example.test' });
  await identity.updateUser(userId, { roles: ['clinician'] });
  await identity.deleteUser(userId);
  await expect(identity.deleteUser(userId)).rejects.toThrow(`there is no user ${userId}`);
  const messages = await published(3);
  expect(messages.map(({ key }) => key?.toString())).toEqual([userId, userId, userId]);
  const events = messages.map(({ headers = {}, value }) => {
    const text = Object.fromEntries(Object.entries(headers).map(([name, header]) => [name, String(header)]));
    const body = String(value);
    return CloudEvents.toEvent({ headers: text, body, value: body, key: userId } as Message<string>); // the binding has a value beside the body
  });
  const told = { userid: userId };
  expect(events).toMatchObject([
    { specversion: '1.0', type: 'users:create', subject: userId },
    { type: 'users:update' },
    { type: 'users:delete' },
  ]);
  expect(messages.map(({ value }) => JSON.parse(String(value)).data)).toEqual([
    told,
    { original: told, updated: told },
    told,
  ]);
  expect(messages.map(({ value }) => String(value)).join()).not.toMatch(/Ann|example\.test/);
});

/** Reads the topic until it holds so many messages; they are of one key, and so of one partition. */
async function published(count: number): Promise<kafkajs.KafkaMessage[]> {
  const kafka = new kafkajs.Kafka({
    brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const groupId = `${topic}-test`;
  const consumer = kafka.consumer({ groupId });
  const messages: kafkajs.KafkaMessage[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void messages.push(message) });
    await eventually(async () => messages.length >= count, `${count} user events`);
    return messages;
  } finally {
    await consumer.disconnect();
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteGroups([groupId]);
    await admin.disconnect();
  }
}
