import { randomBytes } from 'node:crypto';
import { basic, call, eventually, session, confirmed } from '@caregate/demo';
import { type App, startApp, type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { type Db, MongoClient, ObjectId } from 'mongodb';
import { type Practice, Traffic } from './moving-traffic.ts';

/** The full form, for a quiet machine, has MOVE_PATIENTS=10000 MOVE_PAUSE_MS=1000 (docs/development.md). */
const PATIENTS = Number(process.env.MOVE_PATIENTS ?? 300);
const WRITERS = Number(process.env.MOVE_WRITERS ?? 4);
const READERS = 4;
const OPERATOR_TOKEN = 'an operator token of tests, long enough';
const OWNER = { email: 'dana@harbour.example', fullName: 'Dana Harbour', password: 'correct horse battery staple' };
const SUBDOMAIN = 'good-healthy-times';

let servers: Servers;
let platform: Platform;
let secondCopy: App;
let mongo: MongoClient;
let practice: Practice & { accountId: string };
const prefix = `mv${randomBytes(3).toString('hex')}_`;
const dist = process.env.MOVE_DIST;

beforeAll(async () => {
  servers = await startServers({ only: ['mongod'] });
  platform = await startShards(servers, {
    shards: ['au1', 'uk1'],
    only: ['clinic-api', 'directory'],
    prefix,
    env: (app): Record<string, string> => (app === 'directory' ? { OPERATOR_TOKEN, MOVE_GRACE_SECONDS: '0.5' } : {}),
    ...(dist !== undefined && { dist }),
  });
  const { PORT: _, ...env } = platform.shard('au1').api.env;
  secondCopy = await startApp({
    name: 'clinic-api',
    label: `${prefix}clinic-api-au1-b`,
    env,
    ...(dist !== undefined && { dist }),
  });
  mongo = await MongoClient.connect(servers.mongodbUri);
  practice = await signUp();
  await fill(PATIENTS);
}, 300_000);

afterAll(async () => {
  await secondCopy?.stop();
  await platform?.stop();
  for (const { database } of Object.values(platform?.shards ?? {})) await mongo?.db(database).dropDatabase();
  await mongo?.db(`${prefix}directory`).dropDatabase();
  await mongo?.close();
  await servers?.stop();
});

test('the account moves three times there and back under load, the mover killed in every phase: nothing lost, nothing doubled', async () => {
  const traffic = new Traffic(practice, 'au1');
  traffic.start(WRITERS, READERS);
  const pauses: number[] = [];
  const started = Date.now();
  const killedIn = ['copying', 'comparing', 'catchingUp', 'fencing', 'settling', 'purging'];
  for (const [n, phase] of killedIn.entries()) {
    const to = n % 2 === 0 ? 'uk1' : 'au1';
    const moveId = await startMove(to);
    await killDirectoryIn(moveId, phase);
    const { pausedMs } = await moved(moveId);
    pauses.push(await traffic.longestWait());
    console.log(
      `move ${n + 1} to ${to}, killed in ${phase}: writers waited ${Math.round(pauses.at(-1) ?? 0)} ms (the mover says ${Math.round(pausedMs)}); ${JSON.stringify(traffic.counts)}; ${Date.now() - started} ms so far`,
    );
  }
  await traffic.stop();

  expect(traffic.unexpected).toEqual([]);
  await expectAllAccepted('au1', traffic);
  const sorted = [...pauses].sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  console.log(`writers waited ${Math.round(median)} ms (median of the moves)`);
  // A time says something only on a machine that does nothing else.
  if (process.env.MOVE_PAUSE_MS) expect(median).toBeLessThanOrEqual(Number(process.env.MOVE_PAUSE_MS));
  await eventually(
    'uk1 holds nothing of the account any more',
    async () => (await remains('uk1')).length === 0,
    30_000,
  );
}, 1_800_000);

test('a move can be called off: the account stays and nothing of it is left on the other shard', async () => {
  const moveId = await startMove('uk1');
  const { status } = await operator('POST', `/moves/${moveId}/cancel`);
  expect(status).toBe(200);
  await eventually('the move is cancelled', async () => (await moveOf(moveId)).phase === 'cancelled');
  expect(await remains('uk1')).toEqual([]);
  const answer = await call({
    method: 'POST',
    url: `http://api.au1.${platform.domain}:${platform.shard('au1').api.port}/v1/clinics/${practice.clinicId}/patients`,
    headers: basic(`${practice.secret}-au1`),
    body: { fullName: 'After All', birthDate: '1980-01-01' },
  });
  expect(answer.status).toBe(200);
});

test.each([
  ['an unknown shard', 'zz9', 422, /there is no shard zz9/],
  ['the shard where it is', 'au1', 422, /on shard au1 already/],
])('a move to %s is refused', async (_what, to, status, message) => {
  const answer = await operator('POST', `/accounts/${SUBDOMAIN}/moves`, { to });
  expect(answer.status).toBe(status);
  expect(answer.body).toEqual({ message: expect.stringMatching(message) });
});

test('a second move is refused while one is running, and the first goes on', async () => {
  const moveId = await startMove('uk1');
  const answer = await operator('POST', `/accounts/${SUBDOMAIN}/moves`, { to: 'uk1' });
  expect(answer.status).toBe(409);
  expect(answer.body).toEqual({ message: expect.stringContaining(moveId) });
  await moved(moveId);
});

test('where the account was, its hosts lead on, its keys are told the new host, and its people sign in where it is', async () => {
  const { port } = platform.shard('au1').api;
  const path = `/v1/clinics/${practice.clinicId}?x=1`;
  const read = await call({ url: `http://${SUBDOMAIN}.au1.${platform.domain}:${port}${path}` });
  expect(read.status).toBe(301);
  expect(read.headers.location).toBe(
    `http://${SUBDOMAIN}.uk1.${platform.domain}:${platform.shard('uk1').api.port}${path}`,
  );
  const write = await call({
    method: 'PUT',
    url: `http://${SUBDOMAIN}.au1.${platform.domain}:${port}${path}`,
    body: {},
  });
  expect(write.status).toBe(308);
  const byKey = await call({
    url: `http://api.au1.${platform.domain}:${port}${path}`,
    headers: basic(`${practice.secret}-au1`),
  });
  expect(byKey.status).toBe(401);
  expect(byKey.body).toEqual({ message: expect.stringContaining(`api.uk1.${platform.domain}`) });
  const oldSuffix = await call({
    url: `http://api.uk1.${platform.domain}:${platform.shard('uk1').api.port}${path}`,
    headers: basic(`${practice.secret}-au1`),
  });
  expect(oldSuffix.status).toBe(401);
  expect(oldSuffix.body).toEqual({ message: expect.stringContaining('-uk1') });
  const token = await signIn('uk1');
  const own = await call({
    url: `http://api.uk1.${platform.domain}:${platform.shard('uk1').api.port}${path}`,
    headers: session(token),
  });
  expect(own.status).toBe(200);
});

// What follows says how.

async function signUp() {
  const answer = await call({
    method: 'POST',
    url: `${platform.directory.url}/caregate/v1/accounts`,
    body: { subdomain: SUBDOMAIN, name: 'Good Healthy Times', region: 'au', owner: OWNER },
  });
  expect(answer.status).toBe(201);
  const { accountId } = await confirmed(platform.shard('au1'), answer.body as { accountId: string }, OWNER.password);
  const token = await signIn('au1');
  const host = `http://${SUBDOMAIN}.au1.${platform.domain}:${platform.shard('au1').api.port}`;
  const clinic = await call({
    method: 'POST',
    url: `${host}/v1/clinics`,
    headers: session(token),
    body: { name: 'Good Healthy Times', country: 'AU', preferredBgUnits: 'mmol/L' },
  });
  expect(clinic.status).toBe(200);
  const key = await call({
    method: 'POST',
    url: `${host}/caregate/v1/accounts/${accountId}/api_keys`,
    headers: session(token),
    body: { name: 'Booking' },
  });
  expect(key.status).toBe(201);
  return {
    accountId,
    clinicId: (clinic.body as { id: string }).id,
    secret: (key.body as { key: string }).key.replace(/-au1$/, ''),
    subdomain: SUBDOMAIN,
    domain: platform.domain,
    ports: { au1: [platform.shard('au1').api.port, secondCopy.port], uk1: [platform.shard('uk1').api.port] },
  };
}

async function signIn(shard: string): Promise<string> {
  const answer = await call({
    method: 'POST',
    url: `http://${SUBDOMAIN}.${shard}.${platform.domain}:${platform.shard(shard).api.port}/caregate/v1/sessions`,
    body: { email: OWNER.email, password: OWNER.password },
  });
  expect(answer.status).toBe(200);
  return (answer.body as { token: string }).token;
}

const database = (shard: string): Db => mongo.db(platform.shard(shard).database);

/** As many patients as wanted, like one that the API made. */
async function fill(wanted: number): Promise<void> {
  const made = await call({
    method: 'POST',
    url: `http://api.au1.${platform.domain}:${platform.shard('au1').api.port}/v1/clinics/${practice.clinicId}/patients`,
    headers: basic(`${practice.secret}-au1`),
    body: { fullName: 'Pat Patient', birthDate: '1985-04-12', mrn: 'GHT-0' },
  });
  expect(made.status).toBe(200);
  const db = database('au1');
  const patient = await db.collection('patients').findOne({ fullName: 'Pat Patient' });
  const user = await db.collection('users').findOne({ _id: patient?.userId });
  const userIds = Array.from({ length: wanted - 1 }, () => randomBytes(5).toString('hex'));
  for (let at = 0; at < userIds.length; at += 1_000) {
    const some = userIds.slice(at, at + 1_000);
    await db.collection<{ _id: string }>('users').insertMany(some.map((_id) => ({ ...user, _id })));
    await db
      .collection('patients')
      .insertMany(some.map((userId, n) => ({ ...patient, _id: new ObjectId(), userId, mrn: `GHT-${at + n + 1}` })));
  }
  await db
    .collection('patient_sheets')
    .updateOne(
      { clinicId: new ObjectId(practice.clinicId), total: { $gt: 0 } },
      { $inc: { total: userIds.length, plan: userIds.length } },
    );
}

async function operator(method: string, path: string, body?: unknown) {
  return call({
    method,
    url: `${platform.directory.url}/caregate/v1${path}`,
    headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
    ...(body !== undefined && { body }),
  });
}

async function startMove(to: string): Promise<string> {
  const answer = await operator('POST', `/accounts/${SUBDOMAIN}/moves`, { to });
  expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
  return (answer.body as { id: string }).id;
}

interface MoveRecord {
  readonly _id: string;
  readonly phase: string;
  readonly pausedMs: number;
  readonly fault?: string;
  readonly movedTime?: Date;
  readonly history: { phase: string; time: Date }[];
}

async function moveOf(moveId: string): Promise<MoveRecord> {
  const move = await mongo.db(`${prefix}directory`).collection<MoveRecord>('moves').findOne({ _id: moveId });
  if (!move) throw new Error('there is no such move');
  return move;
}

/** Waits until the account lives on the other shard and says so. */
async function moved(moveId: string): Promise<MoveRecord> {
  let last: MoveRecord | undefined;
  const look = async () => {
    const move = await moveOf(moveId);
    last = move;
    if (move.phase.startsWith('cancel')) throw new Error(`the move was given up: ${move.fault}`);
    return ['waiting', 'purging', 'done'].includes(move.phase) && move;
  };
  return eventually('the account has moved', look, 300_000).catch((error) => {
    throw new Error(`${error.message}; the move is ${JSON.stringify(last)}`);
  });
}

/** Kills the directory the moment that a move is seen in a phase, and starts it again. */
async function killDirectoryIn(moveId: string, phase: string): Promise<void> {
  await eventually(
    `the move is ${phase}`,
    async () => (await moveOf(moveId)).history.some((each) => each.phase === phase),
    300_000,
  );
  await platform.directory.kill();
  await platform.directory.start();
}

/** What of the account a shard holds, but for the note of where it went. */
async function remains(shard: string): Promise<string[]> {
  const db = database(shard);
  const clinicId = new ObjectId(practice.clinicId);
  const { accountId } = practice;
  const found: string[] = [];
  for (const { name } of await db.listCollections().toArray()) {
    const count = await db.collection(name).countDocuments({
      $or: [
        { clinicId },
        { clinicId: practice.clinicId },
        { accountId },
        ...(name === 'clinics' ? [{ _id: clinicId }] : []),
      ],
    });
    if (count > 0) found.push(`${count} in ${name}`);
  }
  const users = await db.collection('users').countDocuments();
  if (users > 0) found.push(`${users} users`);
  return found;
}

async function expectAllAccepted(shard: string, { accepted }: Traffic): Promise<void> {
  const db = database(shard);
  const clinicId = new ObjectId(practice.clinicId);
  const patients = await db.collection('patients').find({ clinicId }).toArray();
  const names = new Map(patients.map(({ userId, fullName }) => [String(userId), String(fullName)]));
  expect(names.size).toBe(patients.length); // none twice
  const lost = [...accepted].filter(([id, name]) => (name === null ? names.has(id) : names.get(id) !== name));
  expect(lost.map(([id, name]) => `${id} should be ${name} and is ${names.get(id)}`)).toEqual([]);
  const kept = [...accepted.values()].filter((name) => name !== null).length;
  expect(patients.length).toBe(PATIENTS + kept);
  const stripes = await db
    .collection('patient_sheets')
    .find({ clinicId, _id: /:counts:/ as never })
    .toArray(); // texts
  expect(stripes.reduce((sum, { total = 0 }) => sum + total, 0)).toBe(patients.length);
  const users = await db.collection('users').countDocuments({ _id: { $in: patients.map(({ userId }) => userId) } });
  expect(users).toBe(patients.length);
}
