import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { call, eventually, mailsTo, session } from '@caregate/demo';
import { hashPassword, LocalIdentity, type UserId } from '@caregate/identity';
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { Kafka, logLevel } from 'kafkajs';
import { type Db, MongoClient } from 'mongodb';
import { type Connection, createConnection } from 'mongoose';
import { formsOf } from './erasure/forms.ts';
import { rowsOf } from './erasure/retention-page.ts';
import { leaveNothing } from './leave-nothing.ts';
import { messagesSince } from './messages-since.ts';

// Persons live through all that a shard does, are erased, and are looked for everywhere.

const prefix = `er${randomBytes(3).toString('hex')}_`;
const PASSWORD = 'correct horse battery staple';
const mark = randomBytes(4).toString('hex');
const BIRTH_DATE = '1904-03-07';

/** What is unmistakably of a person, by who they are and which field it stands in. */
const person = (who: string) => ({
  fullName: `Zq${who}${mark} Planted`,
  email: `zq${who}.${mark}@planted.test`,
  mrn: `MRN-${who}-${mark}`,
});
const people = {
  custodial: person('custodial'),
  renamed: person('renamed'),
  claimed: person('claimed'),
  clinician: person('clinician'),
  invited: person('invited'),
  sharer: person('sharer'),
  legacy: person('legacy'),
  owner: person('owner'),
} as const;
const VALUES = [...Object.values(people).flatMap((each) => Object.values(each)), BIRTH_DATE];

let servers: Servers;
let platform: Platform;
let mongo: MongoClient;
let connection: Connection;
let identity: LocalIdentity;
let service: Record<string, string>;
let clinicUrl: string;

const shard = () => platform.shard('au1');
const clinicDb = () => mongo.db(shard().database);

beforeAll(async () => {
  servers = await startServers();
  const env = () => ({ LOG_LEVEL: 'trace' });
  platform = await startShards(servers, { shards: ['au1'], prefix, env });
  mongo = await MongoClient.connect(servers.mongodbUri);
  connection = await createConnection(shard().mongodbUri).asPromise();
  const secret = shard().api.env['IDENTITY_SECRET'] ?? '';
  identity = new LocalIdentity(connection, { shardId: 'au1', secret, sessionHours: 12 });
  service = session(await identity.serviceToken('e2e'));
}, 240_000);

afterAll(async () => {
  await connection?.close();
  await mongo?.close();
  await platform?.stop();
  if (servers) await leaveNothing(servers, prefix);
  await servers?.stop();
}, 120_000);

test('of persons who are erased nothing is left anywhere but what the page on retention says', async () => {
  const owner = await newUser(people.owner);
  const clinicId = await clinicOf(owner.headers);
  clinicUrl = `${shard().api.url}/v1/clinics/${clinicId}`;
  const custodial = await lookAfterPatient(owner.headers);
  const claimed = await patientOfTheirOwn(clinicId);
  const clinician = await memberAndInvite(owner);
  const { sharer, legacy } = await migrate();
  await eventually(
    'the rows in gatekeeper',
    async () => (await gatekeeper().collection('patient_permissions').countDocuments()) >= 3,
    60_000,
  );
  await quiet();
  // While they are there they are found, and topics and logs are read, or the search below would find nothing whatever is left.
  const before = await everything();
  const there = (['renamed', 'claimed', 'clinician', 'sharer', 'legacy', 'owner'] as const).map((who) => people[who]);
  for (const { fullName, email } of there)
    expect([email, placesWith(before, [fullName]).size, placesWith(before, [email]).size]).not.toContain(0);
  const withClinic = placesWith(before, [clinicId]);
  for (const place of ['topic patients', 'topic clinicians', 'gatekeeper patient_permissions'])
    expect([place, withClinic.has(place)]).toEqual([place, true]);
  expect([...placesWith(before, ['"answered"']).keys()]).toContain(`log of ${shard().api.name}`);

  await said({ method: 'DELETE', url: `${clinicUrl}/patients/${custodial}`, headers: owner.headers }, 204);
  for (const userId of [claimed, clinician, sharer, legacy, owner.userId])
    await said({ method: 'DELETE', url: `${shard().api.url}/caregate/v1/users/${userId}`, headers: service }, 204);
  await eventually(
    'no user is left',
    async () => (await clinicDb().collection('users').countDocuments()) === 0,
    60_000,
  );
  await eventually(
    'no member is left',
    async () => (await clinicDb().collection('clinicians').countDocuments()) === 0,
    60_000,
  );
  await quiet();

  const left = placesWith(await everything(), VALUES);
  const excused = rowsOf(await retentionPage())
    .filter(({ remains }) => remains)
    .map(({ place, name }) => placeName(place, name));
  expect([...left].filter(([place]) => !excused.includes(place))).toEqual([]);
}, 300_000);

test('the page on retention lists each collection and topic that there is, with the time after which it is emptied', async () => {
  const rows = rowsOf(await retentionPage());
  const directory = mongo.db(
    (await mongo.db().admin().listDatabases()).databases.find(
      ({ name }) => name.startsWith(prefix) && name.endsWith('directory'),
    )?.name,
  );
  for (const [place, db] of [
    ['clinic', clinicDb()],
    ['gatekeeper', gatekeeper()],
    ['directory', directory],
  ] as const) {
    const said = rows.filter((row) => row.place === place);
    const there = await collectionsOf(db);
    expect({ place, collections: there.map(({ name }) => name) }).toEqual({
      place,
      collections: said
        .map(({ name }) => name)
        .filter((name) => !ONLY_AT_TIMES.has(name) || there.some((each) => each.name === name))
        .sort(),
    });
    for (const { name, seconds } of there) {
      const row = said.find((each) => each.name === name);
      // Zero: the document itself says when.
      if (seconds !== 0) expect({ name, seconds }).toEqual({ name, seconds: row?.seconds });
    }
  }
  const said = rows.filter(({ place }) => place === 'topic');
  const there = await topicsThere();
  expect(there.map(({ name }) => name)).toEqual(said.map(({ name }) => name).sort());
  for (const { name, seconds } of there)
    expect({ name, seconds }).toEqual({ name, seconds: said.find((each) => each.name === name)?.seconds });
}, 60_000);

/** Collections that come about by what did not happen here. */
const ONLY_AT_TIMES: ReadonlySet<string> = new Set(['replica_doubts', 'restores', 'trace_notes', 'unused_accounts']);

const retentionPage = () => readFile(join(import.meta.dirname, '../../../docs/retention.md'), 'utf8');
const gatekeeper = () => mongo.db(shard().gatekeeperDatabase);

async function newUser({ fullName, email }: { fullName: string; email: string }, roles?: string[]) {
  const { userId } = await identity.createUser({ email, fullName, passwordHash: await hashPassword(PASSWORD) });
  await identity.updateUser(userId, { emailVerified: true, ...(roles && { roles }) });
  const { token } = await identity.signIn(email, PASSWORD, '127.0.0.1');
  return { userId, email, headers: session(token) };
}

async function said(request: Parameters<typeof call>[0], ...statuses: number[]): Promise<Record<string, string>> {
  const { status, body } = await call(request);
  if (!(statuses.length === 0 ? [200, 201, 204] : statuses).includes(status))
    throw new Error(`${request.method} ${request.url}: ${status} ${JSON.stringify(body)}`);
  return (body ?? {}) as Record<string, string>; // as the contract says
}

async function clinicOf(headers: Record<string, string>): Promise<string> {
  const body = { name: 'Harbour', country: 'AU', preferredBgUnits: 'mmol/L' };
  return String((await said({ method: 'POST', url: `${shard().api.url}/v1/clinics`, headers, body })).id);
}

const mailed = (email: string, count: number) =>
  eventually(`${count} mails`, async () => (await mailsTo(servers.mailWebUrl, email)).length >= count, 60_000);

/** With an idempotency key, so that the answer is remembered too. */
async function lookAfterPatient(member: Record<string, string>): Promise<string> {
  const { custodial, renamed } = people;
  const dataSources = [{ providerName: 'dexcom', state: 'connected' }];
  const body = { ...custodial, birthDate: BIRTH_DATE, targetDevices: ['dexcom'], diagnosisType: 'type1', dataSources };
  const headers = { ...service, 'idempotency-key': randomBytes(8).toString('hex') };
  const { id = '' } = await said({ method: 'POST', url: `${clinicUrl}/patients`, headers, body });
  const url = `${clinicUrl}/patients/${id}`;
  await mailed(custodial.email, 1);
  await said({ method: 'PUT', url, headers: service, body: { ...renamed, birthDate: BIRTH_DATE, dataSources } });
  await mailed(renamed.email, 1);
  await said({ method: 'POST', url: `${url}/upload_reminder`, headers: member });
  await said({ method: 'POST', url: `${url}/connect/dexcom`, headers: member });
  await mailed(renamed.email, 3);
  await said({
    method: 'GET',
    url: `${clinicUrl}/patients?search=${encodeURIComponent(renamed.fullName)}`,
    headers: service,
  });
  return id;
}

async function patientOfTheirOwn(clinicId: string): Promise<UserId> {
  const { userId, headers } = await newUser(people.claimed);
  await identity.saveProfile(userId, {
    fullName: people.claimed.fullName,
    patient: { birthday: BIRTH_DATE, mrn: people.claimed.mrn, email: people.claimed.email },
  });
  const url = `${clinicUrl}/patients/${userId}`;
  await said({ method: 'POST', url, headers: service, body: { permissions: { view: {}, upload: {} } } });
  await said({ method: 'PUT', url: `${url}/permissions`, headers, body: { view: {} } });
  const body = { username: people.claimed.email };
  await call({ method: 'POST', url: `${shard().api.url}/v1/users/${userId}/clinics`, headers: service, body });
  expect(clinicId).not.toBe('');
  return userId;
}

async function memberAndInvite(owner: { headers: Record<string, string> }): Promise<UserId> {
  const { userId, email } = await newUser(people.clinician);
  const body = { id: userId, email, name: people.clinician.fullName, roles: ['CLINIC_MEMBER'] };
  await said({ method: 'POST', url: `${clinicUrl}/clinicians`, headers: service, body });
  const promoted = { ...body, roles: ['CLINIC_ADMIN'] };
  await said({ method: 'PUT', url: `${clinicUrl}/clinicians/${userId}`, headers: owner.headers, body: promoted });
  await mailed(email, 1);
  const invite = { email: people.invited.email, roles: ['CLINIC_MEMBER'] };
  const made = await said({
    method: 'POST',
    url: `${clinicUrl}/invites/clinicians`,
    headers: owner.headers,
    body: invite,
  });
  await mailed(people.invited.email, 1);
  const inviteId = String(made.inviteId ?? made.id);
  await said({
    method: 'DELETE',
    url: `${clinicUrl}/invites/clinicians/${inviteId}`,
    headers: owner.headers,
  });
  return userId;
}

/** A legacy clinic account, with whom a person shares. */
async function migrate(): Promise<{ sharer: UserId; legacy: UserId }> {
  const sharer = await newUser(people.sharer, ['patient']);
  await identity.saveProfile(sharer.userId, {
    fullName: people.sharer.fullName,
    patient: { birthday: BIRTH_DATE, mrn: people.sharer.mrn },
  });
  const legacy = await newUser(people.legacy, ['clinic']);
  await identity.setSharing(sharer.userId, legacy.userId, { view: {} });
  const member = { id: legacy.userId, email: legacy.email, name: people.legacy.fullName, roles: ['CLINIC_ADMIN'] };
  await said({ method: 'POST', url: `${clinicUrl}/clinicians`, headers: service, body: member });
  await said({ method: 'POST', url: `${clinicUrl}/migrations`, headers: service, body: { userId: legacy.userId } });
  const done = { userId: legacy.userId, status: 'COMPLETED' };
  await eventually('the migration', () => clinicDb().collection('migrations').findOne(done), 60_000);
  return { sharer: sharer.userId, legacy: legacy.userId };
}

/** All reactions to all that happened are done. */
async function quiet(): Promise<void> {
  let before = -1;
  await eventually(
    'no reaction is open, and none begins',
    async () => {
      const [open, all] = await Promise.all([
        clinicDb().collection('reactions').countDocuments({ open: true }),
        clinicDb().collection('reactions').countDocuments(),
      ]);
      const same = open === 0 && all === before;
      before = all;
      return same;
    },
    90_000,
  );
}

/** All that is kept, by place, as text. */
async function everything(): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  const { databases } = await mongo.db().admin().listDatabases();
  for (const { name } of databases.filter((each) => each.name.startsWith(prefix))) {
    const db = mongo.db(name);
    for (const collection of await collectionsOf(db))
      places.set(placeName(kindOf(name), collection.name), await textOf(db, collection.name));
  }
  const isOurs = (topic: string) => topic.startsWith(`${shard().topicPrefix}.`);
  for (const { topic, text } of await messagesSince(kafka(), 0, isOurs)) {
    const place = placeName('topic', nameOfTopic(topic));
    places.set(place, `${places.get(place) ?? ''}${text}\n`);
  }
  for (const app of platform.apps) places.set(`log of ${app.name}`, await readFile(app.logFile, 'utf8'));
  return places;
}

/** Which values are where, in whatever form. */
function placesWith(places: ReadonlyMap<string, string>, values: readonly string[]): Map<string, string[]> {
  const forms = values.flatMap(formsOf);
  return new Map(
    [...places].flatMap(([place, text]) => {
      const folded = text.toLowerCase();
      const hits = forms.filter(({ form, caseMatters }) => (caseMatters ? text : folded).includes(form));
      return hits.length > 0 ? [[place, [...new Set(hits.map(({ value }) => value))]]] : [];
    }),
  );
}

const placeName = (kind: string, name: string) => `${kind} ${name}`;

function kindOf(database: string): string {
  if (database === shard().database) return 'clinic';
  return database === shard().gatekeeperDatabase ? 'gatekeeper' : 'directory';
}

const kafka = () => new Kafka({ brokers: servers.kafkaBrokers.split(','), logLevel: logLevel.NOTHING });

async function textOf(db: Db, collection: string): Promise<string> {
  const documents = await db.collection(collection).find().toArray();
  return JSON.stringify(documents, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
  );
}

async function collectionsOf(db: Db): Promise<{ name: string; seconds: number | undefined }[]> {
  const names = (await db.listCollections().toArray())
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('system.'));
  return Promise.all(
    names.sort().map(async (name) => {
      const indexes = await db.collection(name).indexes();
      return {
        name,
        seconds: indexes.find(({ expireAfterSeconds }) => expireAfterSeconds !== undefined)?.expireAfterSeconds,
      };
    }),
  );
}

const FOR_EVER = -1;

/** Topics by the name that they have behind the shard's prefix, as the page calls them. */
async function topicsThere(): Promise<{ name: string; seconds: number | undefined }[]> {
  const admin = kafka().admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(`${shard().topicPrefix}.`));
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ type: 2, name, configNames: ['retention.ms'] })),
    });
    return resources
      .map(({ resourceName, configEntries }) => {
        const time = Number(configEntries.find(({ configName }) => configName === 'retention.ms')?.configValue);
        return { name: nameOfTopic(resourceName), seconds: time === FOR_EVER ? undefined : time / 1_000 };
      })
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  } finally {
    await admin.disconnect();
  }
}

const nameOfTopic = (topic: string) => topic.slice(shard().topicPrefix.length + 1);
