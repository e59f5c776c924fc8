import { randomBytes } from 'node:crypto';
import { call, eventually, mailsTo, mailTo, session, confirmByMail } from '@caregate/demo';
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { MongoClient } from 'mongodb';
import { leaveNothing } from './leave-nothing.ts';

const OPERATOR_TOKEN = 'an operator token of tests, long enough';
const prefix = `me${randomBytes(3).toString('hex')}_`;
const OWNER = {
  email: `dana.${prefix}@harbour.example`,
  fullName: 'Dana Harbour',
  password: 'correct horse battery staple',
};
const SUBDOMAIN = 'calm-harbour';
const dist = process.env.MOVE_DIST;

let servers: Servers;
let platform: Platform;
let mongo: MongoClient;

beforeAll(async () => {
  servers = await startServers();
  platform = await startShards(servers, {
    shards: ['au1', 'uk1'],
    prefix,
    env: (app): Record<string, string> => (app === 'directory' ? { OPERATOR_TOKEN, MOVE_GRACE_SECONDS: '1' } : {}),
    ...(dist !== undefined && { dist }),
  });
  mongo = await MongoClient.connect(servers.mongodbUri);
}, 300_000);

afterAll(async () => {
  await platform?.stop();
  await leaveNothing(servers, prefix);
  await mongo?.close();
  await servers?.stop();
});

const apiOf = (shard: string) => `http://${SUBDOMAIN}.${shard}.${platform.domain}:${platform.shard(shard).api.port}`;

async function signIn(shard: string) {
  const answer = await call({
    method: 'POST',
    url: `${apiOf(shard)}/caregate/v1/sessions`,
    body: { email: OWNER.email, password: OWNER.password },
  });
  expect(answer.status).toBe(200);
  return answer.body as { token: string; userId: string };
}

async function newClinic(shard: string, token: string, name: string): Promise<string> {
  const answer = await call({
    method: 'POST',
    url: `${apiOf(shard)}/v1/clinics`,
    headers: session(token),
    body: { name, country: 'AU', preferredBgUnits: 'mmol/L' },
  });
  expect(answer.status).toBe(200);
  return (answer.body as { id: string }).id;
}

test('permissions follow an account and vanish where it was, and nobody is mailed again', async () => {
  const signedUp = await call({
    method: 'POST',
    url: `${platform.directory.url}/caregate/v1/accounts`,
    body: { subdomain: SUBDOMAIN, name: 'Calm Harbour', region: 'au', owner: OWNER },
  });
  expect(signedUp.status).toBe(201);
  await confirmByMail(servers.mailWebUrl, SUBDOMAIN, OWNER);
  const { token, userId } = await signIn('au1');
  const clinicId = await newClinic('au1', token, 'Calm Harbour');
  const made = await call({
    method: 'POST',
    url: `${apiOf('au1')}/v1/clinics/${clinicId}/patients`,
    headers: session(token),
    body: { fullName: 'Pat Patient', birthDate: '1985-04-12' },
  });
  expect(made.status).toBe(200);
  const patientId = (made.body as { id: string }).id;
  await mailTo(servers.mailWebUrl, OWNER.email, /Calm Harbour/);
  await eventually('au1 knows who may see the patient', () => mayView('au1', userId, patientId));

  const moveId = await move('uk1');
  await eventually('uk1 knows who may see the patient', () => mayView('uk1', userId, patientId), 60_000);
  await eventually('the move is over', async () => (await phaseOf(moveId)) === 'done', 60_000);
  await eventually(
    'au1 has forgotten who may see the patient',
    async () => (await permissionsAt('au1', userId, patientId)) === 0,
    60_000,
  );

  // Events are reacted to in order: when a clinic made now has been announced, all that the move brought has been looked at.
  const again = await signIn('uk1');
  await newClinic('uk1', again.token, 'Second Harbour');
  await mailTo(servers.mailWebUrl, OWNER.email, /Second Harbour/);
  await eventually('uk1 has looked at what the move brought', async () => {
    const records = await mongo
      .db(platform.shard('uk1').database)
      .collection('reactions')
      .find({ reaction: 'clinic_created' })
      .toArray();
    return records.length === 2 && records.every(({ state }) => state === 'done');
  });
  const subjects = (await mailsTo(servers.mailWebUrl, OWNER.email)).map(({ subject }) => subject);
  expect(subjects.filter((subject) => /Calm Harbour/.test(subject))).toHaveLength(1);
  expect(subjects.filter((subject) => /^Confirm your address/.test(subject))).toHaveLength(1);
  expect(subjects).toHaveLength(3);
});

test('the directory and its log have learnt nothing of the account’s data', async () => {
  const db = mongo.db(`${prefix}directory`);
  const texts = [await platform.directory.lastLines(10_000).then((lines) => lines.join('\n'))];
  for (const { name } of await db.listCollections().toArray())
    texts.push(JSON.stringify(await db.collection(name).find().toArray()));
  for (const planted of ['Pat Patient', 'Dana Harbour', OWNER.email, '1985-04-12', 'Second Harbour']) {
    expect(texts.filter((text) => text.includes(planted))).toEqual([]);
  }
});

async function mayView(shard: string, granteeId: string, patientId: string): Promise<boolean> {
  return (await permissionsAt(shard, granteeId, patientId)) === 2;
}

/** How many rows of a shard's gatekeeper are about the patient and the clinician. */
async function permissionsAt(shard: string, granteeId: string, patientId: string): Promise<number> {
  const db = mongo.db(platform.shard(shard).gatekeeperDatabase);
  const patients = await db.collection('patient_permissions').countDocuments({ userId: patientId });
  return patients + (await db.collection('clinician_permissions').countDocuments({ userId: granteeId }));
}

async function move(to: string): Promise<string> {
  const answer = await call({
    method: 'POST',
    url: `${platform.directory.url}/caregate/v1/accounts/${SUBDOMAIN}/moves`,
    headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
    body: { to },
  });
  expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
  return (answer.body as { id: string }).id;
}

async function phaseOf(moveId: string): Promise<unknown> {
  const { body } = await call({
    url: `${platform.directory.url}/caregate/v1/moves/${moveId}`,
    headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
  });
  return (body as { phase?: unknown }).phase;
}
