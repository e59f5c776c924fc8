import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  type AccountDocument,
  type ApiKeyDocument,
  type ArchiveDocument,
  type ClinicCountsDocument,
  type ClinicDocument,
  type ClinicianDocument,
  type ClinicMergeDocument,
  INDEXES,
  type MigrationDocument,
  type PatientDocument,
  type PatientInviteDocument,
  type SignUpDocument,
  type UnusedAccountDocument,
} from '@caregate/clinic-model';
import { basic, call, eventually, session } from '@caregate/demo';
import { isUserId, LocalIdentity, type UserId } from '@caregate/identity';
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { Kafka, logLevel } from 'kafkajs';
import { type Db, MongoClient, ObjectId } from 'mongodb';
import { createConnection } from 'mongoose';

/** In every text that is planted; the birth date cannot carry it. */
const MARK = 'Zq7Planted';
const BIRTH_DATE = '1904-03-07';
const planted = (what: string) => `${MARK} ${what}`;
const PLANTED = new RegExp(`${MARK}|${BIRTH_DATE}`, 'i');

/** Every field of a document and of what it holds, also those that may be missing: the compiler says which one is forgotten. */
type Whole<T> = T extends
  string | number | boolean | Date | { toHexString(): string } | { greaterThan(other: never): boolean }
  ? T
  : T extends readonly (infer Each)[]
    ? readonly Whole<Each>[]
    : { readonly [Field in keyof T]-?: Whole<Exclude<T[Field], undefined>> };

const now = new Date();
const clinicId = new ObjectId();
const userId = asUserId(randomBytes(5).toString('hex'));
const clinicianId = asUserId(randomBytes(5).toString('hex'));
const friendId = asUserId(randomBytes(5).toString('hex'));
const deletedId = asUserId(randomBytes(5).toString('hex'));
const accountId = randomUUID() as AccountDocument['_id']; // as the directory makes them
const email = `${MARK}@${MARK}.test`;

const clinic: Whole<ClinicDocument> = {
  ...{ _id: clinicId, accountId, name: planted('clinic'), address: planted('address'), city: planted('city') },
  ...{ postalCode: planted('code'), state: planted('state'), country: planted('country'), clinicType: planted('type') },
  phoneNumbers: [{ type: planted('phone type'), number: planted('phone') }],
  ...{
    clinicSize: planted('size'),
    website: planted('website'),
    timezone: planted('zone'),
    preferredBgUnits: planted('units'),
  },
  ...{
    shareCodes: [planted('share code')],
    canonicalShareCode: planted('share code'),
    tier: planted('tier'),
    isMigrated: true,
  },
  ...{ admins: [clinicianId], patientTags: [{ _id: new ObjectId(), name: planted('tag') }] },
  lastDeletedPatientTag: { _id: new ObjectId(), name: planted('deleted tag') },
  sites: [{ _id: new ObjectId(), name: planted('site') }],
  suppressedNotifications: { patientClinicInvitation: false },
  mrnSettings: { required: false, unique: false },
  ehrSettings: { sourceId: planted('source') },
  patientCountSettings: {
    hardLimit: { plan: 7, startDate: now, endDate: now },
    softLimit: { plan: 7, startDate: now, endDate: now },
  },
  membershipRestrictions: [{ emailDomain: planted('domain'), requiredIdp: planted('idp') }],
  ...{ guardsMrns: true, turn: 1, patientsHeld: new ObjectId(), createdTime: now, updatedTime: now },
};

const clinician: Whole<ClinicianDocument> = {
  ...{
    _id: new ObjectId(),
    clinicId,
    userId: clinicianId,
    inviteId: randomUUID(),
    invitedBy: clinicianId,
    inviteSentTime: now,
  },
  ...{
    email,
    name: planted('clinician'),
    roles: ['CLINIC_ADMIN'],
    isServiceAccount: false,
    createdTime: now,
    updatedTime: now,
  },
  rolesUpdates: [{ id: randomUUID(), roles: ['CLINIC_ADMIN'], updatedBy: clinicianId, time: now }],
};

const patient: Whole<PatientDocument> = {
  ...{
    _id: new ObjectId(),
    clinicId,
    userId,
    fullName: planted('patient'),
    birthDate: BIRTH_DATE,
    email,
    mrn: planted('mrn'),
  },
  ...{ uniqueMrn: planted('mrn'), permissions: { custodian: {}, view: {}, upload: {}, note: {} }, isMigrated: false },
  ...{ legacyClinicianIds: [clinicianId], attestationSubmitted: true, invitedBy: clinicianId, tags: [new ObjectId()] },
  sites: [{ _id: new ObjectId(), name: planted('site') }],
  targetDevices: [planted('device')],
  dataSources: [
    {
      ...{ dataSourceId: new ObjectId(), providerName: planted('provider'), state: planted('state') },
      ...{ modifiedTime: now, expirationTime: now, latestDataTime: now },
    },
  ],
  connectionRequests: { dexcom: [{ providerName: planted('provider'), createdTime: now }] },
  ...{ lastUploadReminderTime: now, summary: { text: planted('summary') }, reviews: [{ clinicianId, time: now }] },
  ...{ glycemicRanges: { text: planted('ranges') }, diagnosisType: planted('diagnosis') },
  ...{
    sortName: planted('sort'),
    searchText: planted('search'),
    createdTime: now,
    updatedTime: now,
  },
};

const migration: Whole<MigrationDocument> = {
  ...{
    _id: new ObjectId(),
    clinicId,
    userId: clinicianId,
    status: 'PENDING',
    attestationTime: now,
    createdTime: now,
    updatedTime: now,
  },
  progress: {
    total: 1,
    done: 0,
    skipped: [{ userId, reason: planted('reason') }],
    incomplete: [{ userId, fields: [] }],
    reasons: {},
    incompleteCount: 1,
  },
};

const invite: Whole<PatientInviteDocument> = {
  ...{ _id: new ObjectId(), clinicId, userId, permissions: { custodian: {}, view: {}, upload: {}, note: {} } },
  ...{ createdTime: now, expiresTime: now },
};

const counts: Whole<ClinicCountsDocument> = {
  ...{ _id: `${clinicId.toHexString()}:counts:0`, clinicId, turn: 1, held: new ObjectId(), waitUntil: now },
  ...{ total: 1, demo: 0, plan: 1 },
  ...{ tags: { [planted('tag')]: 1 }, sites: { [planted('site')]: 1 } },
  providers: { [planted('provider')]: { total: 1, states: { [planted('state')]: 1 } } },
};

const merge: Whole<ClinicMergeDocument> = {
  ...{
    _id: new ObjectId(),
    sourceId: new ObjectId(),
    targetId: clinicId,
    state: 'done',
    tags: [{ from: clinicId, to: clinicId }],
  },
  ...{
    clinicians: [{ userId: clinicianId, action: planted('action') }],
    patients: 1,
    merged: 0,
    mergedBy: planted('caller'),
  },
  ...{ createdTime: now, doneTime: now },
};

/** Of somebody who is nothing else here: their account ends by it, and so does what is shared with them. */
const archived = (): Whole<ArchiveDocument> => ({
  ...{
    _id: new ObjectId(),
    documentId: new ObjectId(),
    clinicId,
    accountId,
    userId: deletedId,
    custodial: 'with data',
  },
  ...{ deletedTime: now, deletedBy: planted('caller') },
});

/** An archive of an earlier version, which held the whole document. */
const wholeArchive = (document: object) => ({
  ...{ _id: new ObjectId(), document: { ...document, _id: new ObjectId() }, deletedTime: now, deletedBy: 'user:x' },
});

const account: Whole<Omit<AccountDocument, 'fence' | 'moved' | 'arrived' | 'ownerDeletedTime'>> = {
  ...{
    _id: accountId,
    subdomain: `${MARK.toLowerCase()}-subdomain`,
    name: planted('account'),
    ownerUserId: clinicianId,
  },
  ...{ notice: randomUUID(), notices: 1, turn: 1, createdTime: now, updatedTime: now },
};

const apiKey: Omit<ApiKeyDocument, 'revokedTime'> = {
  ...{ _id: new ObjectId().toHexString(), accountId, name: planted('key'), secretHash: 'ab'.repeat(32), last4: 'abcd' },
  ...{ createdBy: clinicianId, createdTime: now, lastUsedTime: now },
};

const signUp: Whole<SignUpDocument> = {
  ...{ _id: randomUUID() as AccountDocument['_id'], subdomain: `${MARK.toLowerCase()}-signed-up` }, // as the directory makes them
  ...{ name: planted('account'), createdTime: now, expiresTime: new Date(now.getTime() + 3_600_000) },
  owner: { email: `owner.${email}`, fullName: planted('person'), passwordHash: planted('hash') },
};

const unused: Whole<UnusedAccountDocument> = { _id: userId, clinicId, email, endingTime: now, createdTime: now };

const user = (_id: UserId) => ({
  ...{
    _id,
    email: `${_id}.${email}`,
    emailKey: `${_id}.${email}`.toLowerCase(),
    emailVerified: true,
    roles: ['clinic'],
  },
  ...{
    passwordHash: planted('hash'),
    sessionEpoch: 0,
    custodianClinicId: clinicId.toHexString(),
    createdTime: now,
    updatedTime: now,
  },
  profile: {
    fullName: planted('person'),
    patient: { birthday: BIRTH_DATE, mrn: planted('mrn'), email, targetDevices: [planted('device')] },
  },
});

/** What is planted where. */
const DOCUMENTS: Record<string, object[]> = {
  users: [user(userId), user(clinicianId)],
  accounts: [account],
  clinics: [clinic],
  clinicians: [clinician],
  patients: [patient],
  patient_sheets: [{ _id: new ObjectId(), clinicId, rows: [planted('sheet')] }, counts],
  migrations: [migration],
  patient_invites: [invite],
  clinic_merges: [merge],
  clinics_deletions: [archived(), wholeArchive(clinic)],
  clinicians_deletions: [archived(), wholeArchive(clinician)],
  patients_deletions: [archived(), wholeArchive(patient)],
  api_keys: [apiKey],
  unused_accounts: [unused],
  sign_ups: [signUp],
  audit_entries: [
    { _id: new ObjectId(), clinicId, time: now, operationId: planted('operation'), address: planted('address') },
  ],
  perms: [{ _id: `${userId}:${friendId}`, sharerId: userId, userId: friendId, permissions: { view: {} } }],
  user_events: [{ createdTime: now, event: { subject: userId, data: planted('nothing that is an event') } }],
};

/** Collections of a move, of running copies and of requests, which hold ids and hashes only. */
const IDS_ONLY = [
  ...['account_arrivals', 'arrived_users', 'move_claims', 'writers', 'idempotency_records'],
  ...['account_audit_entries', 'refused_requests', 'leases', 'user_endings', 'account_quotas', 'account_usage'],
];

let servers: Servers;
let platform: Platform;
let mongo: MongoClient;
let clinicDb: Db;
let gatekeeper: Db;
let kafka: Kafka;

beforeAll(async () => {
  servers = await startServers();
  const env = () => ({ LOG_LEVEL: 'trace' });
  platform = await startShards(servers, { shards: ['au1'], prefix: `l${randomBytes(3).toString('hex')}_`, env });
  mongo = await MongoClient.connect(servers.mongodbUri);
  clinicDb = mongo.db(platform.shard('au1').database);
  gatekeeper = mongo.db(platform.shard('au1').gatekeeperDatabase);
  kafka = new Kafka({ brokers: servers.kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
});

afterAll(async () => {
  await mongo?.close();
  await platform?.stop();
  await servers?.stop();
});

test('something is planted in each collection that can hold anything of anybody', () => {
  const known = new Set([...Object.keys(DOCUMENTS), ...IDS_ONLY]);
  expect(Object.keys(INDEXES).filter((collection) => !known.has(collection))).toEqual([]);
});

test('whatever stands in the clinic database, only ids and permissions reach the gatekeeper and the topics, and no log repeats any of it', async () => {
  for (const [collection, documents] of Object.entries(DOCUMENTS))
    await clinicDb.collection(collection).insertMany(documents);
  await sayMuch();
  await sendNonsense();
  // Each field is changed too: an update says by itself what has changed.
  for (const [collection, [document]] of Object.entries({
    clinics: [clinic],
    clinicians: [clinician],
    patients: [patient],
  })) {
    const { _id, ...fields } = document ?? {};
    await clinicDb
      .collection(collection)
      .updateOne({ _id: _id as ObjectId }, { $set: { ...fields, updatedTime: new Date() } });
  }
  await clinicDb
    .collection('patients')
    .updateOne({ _id: patient._id }, { $set: { permissions: { view: {} }, lastUploadReminderTime: new Date() } });
  const rows = gatekeeper.collection('patient_permissions');
  await eventually(
    'the last change of the patient',
    async () => (await rows.findOne({ _id: patient._id }))?.['permissions']?.custodian === undefined,
    60_000,
  );
  await eventually(
    'the clinician',
    () => gatekeeper.collection('clinician_permissions').findOne({ _id: clinician._id }),
    60_000,
  );
  await eventually('what they share', () => gatekeeper.collection('perms').findOne({ sharerId: userId }), 60_000);
  await eventually(
    'all reactions',
    async () => (await clinicDb.collection('mail_deliveries').countDocuments({ state: 'sent' })) > 0,
    60_000,
  );
  await clinicDb.collection('patients').deleteOne({ _id: patient._id });
  await eventually('the deletion', async () => (await rows.findOne({ _id: patient._id })) === null, 60_000);

  await eventually(
    'no reaction is open',
    async () => (await clinicDb.collection('reactions').countDocuments({ open: true })) === 0,
    60_000,
  );

  await expectIdsOnly();
  for (const app of platform.apps) {
    const log = await readFile(app.logFile, 'utf8');
    expect(log).not.toBe('');
    expect(log.split('\n').filter((line) => PLANTED.test(line))).toEqual([]);
  }
});

/** Requests that hold planted values wherever a request can hold any, good and bad ones. */
async function sayMuch(): Promise<void> {
  const { api, sync } = platform.shard('au1');
  const connection = await createConnection(platform.shard('au1').mongodbUri).asPromise();
  const identity = new LocalIdentity(connection, {
    shardId: 'au1',
    secret: api.env['IDENTITY_SECRET'] ?? '',
    sessionHours: 1,
  });
  const service = session(await identity.serviceToken('e2e'));
  await connection.close();
  const at = `${api.url}/v1/clinics/${clinicId.toHexString()}`;
  const odd = encodeURIComponent(planted('odd'));
  const person = { fullName: planted('name'), birthDate: BIRTH_DATE, email, mrn: planted('mrn') };
  const requests = [
    { method: 'POST', url: `${at}/patients`, headers: service, body: person },
    { method: 'POST', url: `${at}/patients`, headers: service, body: { ...person, birthDate: planted('date') } },
    { method: 'PUT', url: `${at}/patients/${userId}`, headers: service, body: person },
    { method: 'GET', url: `${at}/patients?search=${odd}&sort=${odd}`, headers: service },
    { method: 'GET', url: `${api.url}/v1/clinics?shareCode=${odd}`, headers: service },
    { method: 'GET', url: `${api.url}/v1/${odd}`, headers: session(MARK) },
    { method: 'GET', url: at, headers: basic(`${MARK}-au1`) },
    { method: 'POST', url: `${api.url}/caregate/v1/sessions`, body: { email, password: planted('password') } },
    { method: 'POST', url: `${sync.url}/access/${userId}/${clinicianId}`, headers: service, body: { [MARK]: {} } },
    { method: 'GET', url: `${sync.url}/access/${odd}/${clinicianId}`, headers: service },
    { method: 'GET', url: `${platform.directory.url}/caregate/v1/subdomains/${odd}` },
    {
      method: 'POST',
      url: `${platform.directory.url}/caregate/v1/accounts`,
      body: {
        subdomain: planted('sub'),
        name: planted('name'),
        region: 'au',
        owner: { ...person, password: planted('password') },
      },
    },
  ];
  for (const request of requests) await call(request); // what is planted is odd enough that anything may be answered
}

/** Messages that cannot be read. */
async function sendNonsense(): Promise<void> {
  const { topicPrefix, worker } = platform.shard('au1');
  const producer = kafka.producer();
  await producer.connect();
  const messages = [
    { key: userId, value: planted('no event') },
    { key: userId, value: JSON.stringify({ fullDocument: patient, ns: MARK }) },
  ];
  for (const topic of ['patients', 'clinics', 'migrations'].map((name) => `${topicPrefix}.${name}`))
    await producer.send({ topic, messages });
  await producer.send({ topic: `${topicPrefix}.user-events`, messages });
  await producer.disconnect();
  await eventually('they are among the dead letters', async () => {
    const metrics = String((await call({ url: `${worker.url}/metrics` })).body);
    return /caregate_malformed_messages_total\{[^}]*\} [1-9]/.test(metrics);
  });
}

async function expectIdsOnly(): Promise<void> {
  const allowed: Record<string, readonly string[]> = {
    patient_permissions: ['_id', 'userId', 'clinicId', 'permissions'],
    clinician_permissions: ['_id', 'userId', 'clinicId', 'inviteId', 'roles'],
    perms: ['_id', 'sharerId', 'userId', 'permissions'],
    canaries: ['_id', 'sent'],
    leases: ['_id', 'owner', 'until'],
    replica_doubts: ['_id', 'token', 'since'],
    owner: ['_id', 'holds', 'shardId', 'installationId', 'claimedTime'],
  };
  for (const { name } of await gatekeeper.listCollections().toArray()) {
    const documents = await gatekeeper.collection(name).find().toArray();
    expect(
      documents.flatMap((document) => Object.keys(document)).filter((field) => !allowed[name]?.includes(field)),
    ).toEqual([]);
    expect(JSON.stringify(documents)).not.toMatch(PLANTED);
  }
  const { topicPrefix } = platform.shard('au1');
  for (const text of await messagesOf([`${topicPrefix}.sign-ups`])) expect(text).not.toMatch(PLANTED);
  const events = await messagesOf(
    ['patient-permissions', 'clinician-permissions'].map((name) => `${topicPrefix}.${name}`),
  );
  const fields = new Set(Object.values(allowed).flat());
  expect(events.length).toBeGreaterThan(4);
  for (const text of events) {
    const { fullDocument = {} } = JSON.parse(text) as { fullDocument?: object };
    expect(Object.keys(fullDocument).filter((field) => !fields.has(field))).toEqual([]);
    expect(text).not.toMatch(PLANTED);
  }
  const told = await messagesOf(
    ['clinics', 'clinicians', 'patients', 'migrations', 'patient-invites'].map((name) => `${topicPrefix}.${name}`),
  );
  const changes = told.filter(isChange); // the others are the nonsense of this test
  expect(changes.length).toBeGreaterThan(8);
  expect(changes.filter((text) => PLANTED.test(text))).toEqual([]);
}

function isChange(text: string): boolean {
  try {
    return '_id' in (JSON.parse(text) as object);
  } catch {
    return false;
  }
}

/** Everything that topics hold now. */
async function messagesOf(topics: string[]): Promise<string[]> {
  const admin = kafka.admin();
  await admin.connect();
  const left = new Map<string, bigint>();
  for (const topic of topics)
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic))
      if (BigInt(high) > BigInt(low)) left.set(`${topic}/${partition}`, BigInt(high));
  const groupId = `least-data-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId });
  const texts: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      if (message.value) texts.push(message.value.toString());
      if (BigInt(message.offset) + 1n >= (left.get(`${topic}/${partition}`) ?? 0n))
        left.delete(`${topic}/${partition}`);
    },
  });
  await eventually('the ends of the topics', async () => left.size === 0);
  await consumer.disconnect();
  await admin.deleteGroups([groupId]);
  await admin.disconnect();
  return texts;
}

function asUserId(text: string): UserId {
  if (!isUserId(text)) throw new Error(`${text} is no user id`);
  return text;
}
