import { randomBytes } from 'node:crypto';
import { call, eventually, session } from '@caregate/demo';
import { hashPassword, LocalIdentity, type UserId } from '@caregate/identity';
import { type Platform, type Servers, type Shard, startServers, startShards } from '@caregate/stack';
import { Kafka, logLevel } from 'kafkajs';
import { MongoClient } from 'mongodb';
import { createConnection } from 'mongoose';
import { leaveNothing } from './leave-nothing.ts';
import { messagesSince } from './messages-since.ts';

// Two shards on one Kafka, one Kafka Connect and one MongoDB, as `docs/operations.md` says. People of both sign up, change their emails and
// delete their accounts; then every topic and every database is searched for what belongs to the other shard.
const IDS = ['au4', 'au5'] as const;
type Id = (typeof IDS)[number];
const prefix = `apart${randomBytes(3).toString('hex')}_`;
const PASSWORD = 'correct horse battery staple';
const LONG_MS = 120_000;
/** Stands in every name, address and number of a shard's people. */
const mark = { au4: `four${randomBytes(5).toString('hex')}`, au5: `five${randomBytes(5).toString('hex')}` };

let servers: Servers;
let platform: Platform;
let mongo: MongoClient;
let kafka: Kafka;
let begin: number;
let others: string[];

interface People {
  readonly shard: Shard;
  readonly identity: LocalIdentity;
  readonly service: string;
  readonly clinicId: string;
  readonly ownerId: UserId;
  readonly patientId: string;
  readonly close: () => Promise<void>;
}
let people: Record<Id, People>;
/** One person, with one user id and one email on both shards. */
let twin: UserId;
const twinEmail = `twin-${randomBytes(5).toString('hex')}@example.test`;

beforeAll(async () => {
  servers = await startServers();
  mongo = await MongoClient.connect(servers.mongodbUri);
  kafka = new Kafka({ brokers: servers.kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
  others = await databases();
  begin = Date.now();
  platform = await startShards(servers, {
    shards: [...IDS],
    only: ['clinic-api', 'clinic-worker', 'gatekeeper-sync'],
    prefix,
  });
  people = { au4: await settle('au4'), au5: await settle('au5') };
  await makeTwin();
}, 300_000);

afterAll(async () => {
  for (const each of Object.values(people ?? {})) await each.close();
  await platform?.stop();
  if (servers) await leaveNothing(servers, prefix);
  await mongo?.close();
  await servers?.stop();
}, 60_000);

const databases = async () => (await mongo.db().admin().listDatabases()).databases.map(({ name }) => name);

/** An owner who signed up, their clinic, and a patient of it. */
async function settle(id: Id): Promise<People> {
  const shard = platform.shard(id);
  const connection = await createConnection(shard.mongodbUri).asPromise();
  const secret = shard.api.env['IDENTITY_SECRET'] ?? '';
  const identity = new LocalIdentity(connection, { shardId: id, secret, sessionHours: 1 });
  const email = `owner-${mark[id]}@example.test`;
  const { userId: ownerId } = await identity.createUser({
    email,
    fullName: `Owner ${mark[id]}`,
    passwordHash: await hashPassword(PASSWORD),
  });
  const { token } = await identity.signIn(email, PASSWORD, '127.0.0.1');
  const service = await identity.serviceToken('e2e');
  const clinic = { name: `Practice ${mark[id]}`, country: 'AU', preferredBgUnits: 'mmol/L' };
  const { id: clinicId = '' } = await answered('POST', `${shard.api.url}/v1/clinics`, token, clinic);
  const patients = `${shard.api.url}/v1/clinics/${clinicId}/patients`;
  const { id: patientId = '' } = await answered('POST', patients, token, patient(id));
  await answered('PUT', `${patients}/${patientId}`, token, patient(id, 'new'));
  return { shard, identity, service, clinicId, ownerId, patientId, close: () => connection.close() };
}

const patient = (id: Id, which = 'old') => ({
  fullName: `Patient ${mark[id]}`,
  birthDate: '1990-01-01',
  mrn: `M${mark[id]}`.toUpperCase(),
  email: `${which}-patient-${mark[id]}@example.test`,
});

async function makeTwin(): Promise<void> {
  const { au4, au5 } = people;
  const passwordHash = await hashPassword(PASSWORD);
  const { userId } = await au4.identity.createUser({ email: twinEmail, fullName: 'Twin', passwordHash });
  twin = userId;
  const user = await mongo.db(au4.shard.database).collection('users').findOne({ email: twinEmail });
  if (!user) throw new Error('there is no twin');
  await mongo.db(au5.shard.database).collection('users').insertOne(user);
  for (const { shard, clinicId, service } of [au4, au5]) {
    const body = {
      permissions: { view: {}, note: {} },
      birthDate: '1990-01-01',
      fullName: `Twin ${mark[shard.id as Id]}`,
    }; // one of IDS
    await answered('POST', `${shard.api.url}/v1/clinics/${clinicId}/patients/${twin}`, service, body);
  }
}

/** The answer's body, as its contract says. */
async function answered(method: string, url: string, token: string, body?: object): Promise<Record<string, string>> {
  const answer = await call({ method, url, headers: session(token), ...(body && { body }) });
  if (answer.status > 204) throw new Error(`${method} ${url}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as Record<string, string>;
}

const recordsOf = ({ shard }: People, userId: string) =>
  mongo.db(shard.database).collection('patients').find({ userId }).toArray();

test('a user of one shard changes their email and deletes their account: the same person on the other is untouched', async () => {
  const { au4, au5 } = people;
  const moved = `moved-${mark.au4}@example.test`;
  await au4.identity.updateUser(twin, { email: moved });
  await eventually(
    'their record has the new email',
    async () => (await recordsOf(au4, twin))[0]?.['email'] === moved,
    LONG_MS,
  );
  await answered('DELETE', `${au4.shard.api.url}/caregate/v1/users/${twin}`, au4.service);
  await answered('DELETE', `${au4.shard.api.url}/caregate/v1/users/${au4.ownerId}`, au4.service);
  await eventually('their record is gone', async () => (await recordsOf(au4, twin)).length === 0, LONG_MS);

  // What is told of one user keeps its order: once this has arrived, nothing of before is still on its way.
  const later = `later-${mark.au5}@example.test`;
  await au5.identity.updateUser(twin, { email: later });
  await eventually(
    'the other shard has heard of its own user',
    async () => (await recordsOf(au5, twin))[0]?.['email'] === later,
    LONG_MS,
  );
  expect(await recordsOf(au5, twin)).toMatchObject([{ fullName: `Twin ${mark.au5}` }]);
  expect((await au5.identity.signIn(later, PASSWORD, '127.0.0.1')).userId).toBe(twin);
  expect(await recordsOf(au4, twin)).toEqual([]);
}, 300_000);

/** When all is done; read once, as there may be hundreds of topics. */
let read: ReturnType<typeof messagesSince> | undefined;
const messages = () => (read ??= messagesSince(kafka, begin));

test('no topic and no database has anything that names a person of another shard', async () => {
  const topics = await messages();
  const marked = (text: string) => IDS.filter((id) => text.includes(mark[id]) || text.includes(mark[id].toUpperCase()));
  const found = new Map<Id, Set<string>>(IDS.map((id) => [id, new Set()]));
  for (const { topic, text } of topics) for (const id of marked(text)) found.get(id)?.add(topic);
  const documents = await documentsSince();
  for (const { database, text } of documents) for (const id of marked(text)) found.get(id)?.add(database);
  for (const id of IDS) {
    const { topicPrefix, database } = platform.shard(id);
    const places = [...(found.get(id) ?? [])];
    expect(places).toContain(database); // the search finds what is there
    expect(places.filter((place) => place !== database && !place.startsWith(`${topicPrefix}.`))).toEqual([]);
  }
  // Nor by id: ids of one shard's people and clinics are nowhere in the other's.
  for (const [here, there] of [IDS, IDS.toReversed()] as [Id, Id][]) {
    const { clinicId, patientId, ownerId } = people[here];
    const { topicPrefix, database, gatekeeperDatabase } = platform.shard(there);
    const theirs = [
      ...topics.filter(({ topic }) => topic.startsWith(`${topicPrefix}.`)),
      ...documents.filter((each) => [database, gatekeeperDatabase].includes(each.database)),
    ];
    expect(theirs.length).toBeGreaterThan(10);
    expect(theirs.filter(({ text }) => [clinicId, patientId, ownerId].some((each) => text.includes(each)))).toEqual([]);
  }
}, 300_000);

test('what is told of users is on the topic of their shard, and holds ids only', async () => {
  const told = (await messages()).filter(({ text }) => text.includes('users:'));
  expect(new Set(told.map(({ topic }) => topic))).toEqual(
    new Set(IDS.map((id) => `${platform.shard(id).topicPrefix}.user-events`)),
  );
  const words = new RegExp(['Twin', '@', ...Object.values(mark)].join('|'));
  expect(told.filter(({ text }) => words.test(text))).toEqual([]);
}, 300_000);

/** Every document of every database that was made since this test began, of whichever prefix. */
async function documentsSince(): Promise<{ database: string; text: string }[]> {
  const found: { database: string; text: string }[] = [];
  for (const database of (await databases()).filter((name) => !others.includes(name)))
    for (const { name } of await mongo.db(database).listCollections({ type: 'collection' }).toArray())
      if (!name.startsWith('system.'))
        for (const document of await mongo.db(database).collection(name).find().toArray())
          found.push({ database, text: JSON.stringify(document) });
  return found;
}
