import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, eventually, session } from '@caregate/demo';
import { type Platform, type Servers, type Shard, startServers, startShards } from '@caregate/stack';
import { type Document, MongoClient } from 'mongodb';
import { MailServer } from './event-faults/mail-server.ts';
import { leaveNothing } from './leave-nothing.ts';
import { caregate as operatorCommand } from './operator-command.ts';
import { openPractice, type Practice } from './practice.ts';

// A shard whose database is lost is restored from a backup that was made while people worked.
const prefix = `re${randomBytes(3).toString('hex')}_`;
let servers: Servers;
let platform: Platform;
let shard: Shard;
let mail: MailServer;
let mongo: MongoClient;
let practice: Practice;
let folder: string;
beforeAll(async () => {
  servers = await startServers();
  mail = await MailServer.inFolder(servers.run.data);
  folder = await mkdtemp(join(tmpdir(), 'caregate-backup-'));
  platform = await startShards(servers, {
    shards: ['au1'],
    only: ['clinic-api', 'clinic-worker', 'gatekeeper-sync'],
    prefix,
    env: (app): Record<string, string> =>
      app === 'clinic-worker'
        ? { SMTP_URL: mail.url, LEASE_SECONDS: '5', MAIL_LEASE_SECONDS: '10', MAIL_UNKNOWN_SECONDS: '10' }
        : {},
  });
  shard = platform.shard('au1');
  mongo = await MongoClient.connect(servers.mongodbUri);
  practice = await openPractice(shard, `${prefix.slice(0, -1)}-harbour`);
}, 180_000);
afterAll(async () => {
  await platform?.stop();
  await mongo?.close();
  await leaveNothing(servers, prefix);
  await mail?.kill();
  await servers?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const LONG_MS = 120_000;

async function admit(given: { email?: string } = {}): Promise<string> {
  const { status, body } = await call({
    method: 'POST',
    url: `${shard.api.url}/v1/clinics/${practice.clinicId}/patients`,
    headers: session(practice.token),
    body: { fullName: `Pat ${randomBytes(4).toString('hex')}`, birthDate: '1990-01-01', ...given },
  });
  if (status !== 200) throw new Error(`not admitted: ${status} ${JSON.stringify(body)}`);
  return (body as { id: string }).id; // as the contract says
}

const addresses = (count: number) =>
  Array.from({ length: count }, () => `${randomBytes(6).toString('hex')}@patient.test`);

const mailed = async (emails: readonly string[]) => {
  const to = new Set((await mail.accepted()).flatMap((each) => each.to));
  return emails.every((email) => to.has(email));
};
const areMailed = (emails: readonly string[]) => eventually('emails to new patients', () => mailed(emails), LONG_MS);

const caregate = (...args: string[]) => operatorCommand({ servers, shard }, ...args);

const rows = (database: string, collection: string) => mongo.db(database).collection(collection).find().toArray();

const isGone = async (userId: string) =>
  (await rows(shard.database, 'patients')).every((patient) => patient['userId'] !== userId);

/** Whether the gatekeeper database says of all patients what the clinic database says, and of nobody else. */
async function gatekeeperAgrees(): Promise<boolean> {
  const said = ({ userId, clinicId, permissions }: Document) => JSON.stringify([userId, clinicId, permissions]);
  const [source, replica] = await Promise.all([
    rows(shard.database, 'patients'),
    rows(shard.gatekeeperDatabase, 'patient_permissions'),
  ]);
  return source.map(said).sort().join() === replica.map(said).sort().join() && source.length > 0;
}
const agrees = () => eventually('the gatekeeper agrees with the clinic', gatekeeperAgrees, LONG_MS);

test('backup while people work, loss of the database, restore: what was there is there, and nothing happens twice', async () => {
  const before = addresses(5);
  const early: string[] = [];
  for (const email of before) early.push(await admit({ email }));
  await areMailed(before);

  let working = true;
  const during: string[] = [];
  const work = (async () => {
    while (working) during.push(await admit());
  })();
  await eventually('people are at work', async () => during.length > 5);
  const backup = await caregate('backup', '--to', folder);
  working = false;
  await work;
  expect(backup).toEqual({ code: 0, said: expect.stringMatching(/\d+ collections, \d+ documents as of/) });

  const afterwards = addresses(3);
  for (const email of afterwards) await admit({ email });
  await areMailed(afterwards);
  const [leaver = '', ...staying] = early;
  const url = `${shard.api.url}/caregate/v1/users/${leaver}`;
  expect((await call({ method: 'DELETE', url, headers: session(practice.serviceToken) })).status).toBe(204);
  await eventually('the worker has dealt with it', () => isGone(leaver), LONG_MS);
  await agrees();

  // While apps run, nothing is overwritten.
  expect(await caregate('restore', '--from', folder)).toEqual({
    code: 1,
    said: expect.stringContaining('stop all apps'),
  });

  await Promise.all([shard.api, shard.worker, shard.sync].map((app) => app.stop()));
  await mongo.db(shard.database).dropDatabase();
  expect(await caregate('restore', '--from', folder)).toEqual({ code: 0, said: expect.stringContaining('Restored.') });
  await Promise.all([shard.api, shard.worker, shard.sync].map((app) => app.start()));

  // Whoever had their account deleted since the backup does not come back.
  await eventually('the user who left is gone again', () => isGone(leaver), LONG_MS);
  const patients = new Set((await rows(shard.database, 'patients')).map(({ userId }) => String(userId)));
  expect(staying.filter((userId) => !patients.has(userId))).toEqual([]);
  // Those of the time of the backup are there up to its moment, in the order in which they came.
  const there = during.filter((userId) => patients.has(userId));
  expect(there).toEqual(during.slice(0, there.length));
  expect(patients.size).toBe(staying.length + there.length);
  expect(await caregate('counts', 'check')).toEqual({ code: 0, said: expect.stringContaining('0 figures to mend') });
  await agrees();

  const news = addresses(2);
  for (const email of news) await admit({ email });
  await areMailed(news);
  await agrees();
  const accepted = (await mail.accepted()).map(({ to, subject }) => `${to.join()} ${subject}`);
  expect(accepted.filter((each, n) => accepted.indexOf(each) !== n)).toEqual([]); // no email twice
}, 400_000);

test('what was acknowledged before the backup and reacted to after it stays so, and a replay mails nobody again', async () => {
  const began = new Date();
  const leaver = await admit();
  await shard.worker.stop();
  const mailedLater = addresses(5);
  for (const email of mailedLater) await admit({ email });
  const url = `${shard.api.url}/caregate/v1/users/${leaver}`;
  expect((await call({ method: 'DELETE', url, headers: session(practice.serviceToken) })).status).toBe(204);
  await eventually('the deletion is on its way to the worker', async () =>
    (await rows(shard.database, 'user_events')).some(({ event }) => event.subject === leaver),
  );
  const second = `${folder}-second`;
  try {
    expect(await caregate('backup', '--to', second)).toMatchObject({ code: 0 });
    await shard.worker.start();
    await areMailed(mailedLater);
    await eventually('the worker has dealt with it', () => isGone(leaver), LONG_MS);
    const undone = addresses(2);
    for (const email of undone) await admit({ email });
    await areMailed(undone);

    await Promise.all([shard.api, shard.worker, shard.sync].map((app) => app.stop()));
    await mongo.db(shard.database).dropDatabase();
    expect(await caregate('restore', '--from', second)).toEqual({
      code: 0,
      said: expect.stringContaining('Restored.'),
    });
    await Promise.all([shard.api, shard.worker, shard.sync].map((app) => app.start()));
  } finally {
    await rm(second, { recursive: true, force: true });
  }
  await eventually('the user who left is gone again', () => isGone(leaver), LONG_MS);
  await agrees();

  const from = new Date(began.getTime() - 60_000).toISOString();
  const dry = await caregate('events', 'replay', '--from', from, '--dry-run');
  expect(dry).toEqual({
    code: 0,
    said: expect.stringMatching(/left out: a restore has undone their time\n\d+ would be given/),
  });
  expect(await caregate('events', 'replay', '--from', from, '--to', began.toISOString())).toMatchObject({ code: 0 });
  const replayed = await caregate('events', 'replay', '--from', from);
  expect(replayed).toEqual({ code: 0, said: expect.stringMatching(/[1-9]\d* given to the reactions/) });
  // What is given now comes behind what was replayed.
  const news = addresses(2);
  for (const email of news) await admit({ email });
  await areMailed(news);
  await eventually('the worker has nothing left to do', nothingWaits, LONG_MS);
  const accepted = (await mail.accepted()).map(({ to, subject }) => `${to.join()} ${subject}`);
  expect(accepted.filter((each, n) => accepted.indexOf(each) !== n)).toEqual([]); // no email twice
}, 400_000);

async function nothingWaits(): Promise<boolean> {
  const figures = String((await call({ url: `${shard.worker.url}/metrics` })).body);
  const lags = [...figures.matchAll(/^caregate_consumer_lag\{[^}]*\} (\d+)/gm)].map(([, lag]) => Number(lag));
  return lags.length > 0 && lags.every((lag) => lag === 0);
}

test('a backup that is not whole is not restored', async () => {
  expect(await caregate('restore', '--from', `${folder}/nothing-here`)).toEqual({
    code: 1,
    said: expect.stringContaining('no whole backup'),
  });
  const file = join(folder, 'patients.bson.gz');
  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, bytes.length - 20));
  expect(await caregate('restore', '--from', folder)).toEqual({
    code: 1,
    said: expect.stringContaining('patients.bson.gz'),
  });
  expect(await caregate('backup', '--to', folder)).toEqual({ code: 1, said: expect.stringContaining('not empty') });
});
