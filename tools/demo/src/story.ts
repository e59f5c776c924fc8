import { CloudEvent, Kafka as KafkaMessage } from 'cloudevents';
import { Kafka, logLevel } from 'kafkajs';
import type { MongoClient } from 'mongodb';
import type { Platform, Servers, Shard } from '@caregate/stack';
import { confirmByMail } from './confirm.ts';
import { eventually } from './eventually.ts';
import { type Answer, basic, call, type Call, session } from './http.ts';
import { mailTo } from './mailbox.ts';

/** What a step did and saw, for people to read. */
export interface Seen {
  sent: string;
  received: string;
}

export interface Step {
  title: string;
  play: (world: World) => Promise<Seen>;
}

export interface World {
  servers: Servers;
  platform: Platform;
  mongo: MongoClient;
  /** What earlier steps found out: ids, tokens, keys. */
  facts: Map<string, string>;
}

const OWNER = { email: 'olivia.owner@example.test', fullName: 'Olivia Owner', password: 'a long walk on the beach' };
const COLLEAGUE = {
  email: 'carl.colleague@example.test',
  fullName: 'Carl Colleague',
  password: 'seven green umbrellas',
};
const BRITON = { email: 'beth.briton@example.test', fullName: 'Beth Briton', password: 'tea at four o’clock' };
const PRACTICE = 'good-healthy-times';

/** The main job of Caregate, told in order; each step fails unless it is really seen. */
export const story: Step[] = [
  {
    title: 'Sign up the account good-healthy-times in region au',
    play: async (world) => {
      const { exchange, account } = await signUp(world, PRACTICE, 'Good Healthy Times', 'au', OWNER);
      expectThat(account.shard === 'au1', 'the account is placed on au1');
      world.facts.set('account', account.accountId);
      world.facts.set('accountUrl', account.urls.account);
      return {
        ...exchange,
        received: `${exchange.received}\nits URLs: ${account.urls.account} and ${account.urls.api}`,
      };
    },
  },
  {
    title: 'Sign up another in region uk',
    play: async (world) => {
      const { exchange, account } = await signUp(world, 'calm-thames', 'Calm Thames Practice', 'uk', BRITON);
      expectThat(account.shard === 'uk1', 'the account is placed on uk1');
      return exchange;
    },
  },
  {
    title: 'The owner opens the link in their mail and confirms the account',
    play: async (world) => {
      const seen = await confirm(world, PRACTICE, OWNER);
      await confirm(world, 'calm-thames', BRITON);
      return seen;
    },
  },
  {
    title: 'The owner signs in, on the account’s own address',
    play: async (world) => {
      const { exchange, token } = await signIn(world, OWNER);
      world.facts.set('token', token);
      return exchange;
    },
  },
  {
    title: 'The owner creates a clinic',
    play: async (world) => {
      const { exchange, answer } = await say({
        method: 'POST',
        url: `${fact(world, 'accountUrl')}/v1/clinics`,
        headers: session(fact(world, 'token')),
        body: { name: 'Good Healthy Times', country: 'AU', state: 'NSW', city: 'Sydney', preferredBgUnits: 'mmol/L' },
      });
      expectStatus(answer, 200);
      world.facts.set('clinic', text(answer.body, 'id'));
      return exchange;
    },
  },
  {
    title: 'The email “clinic created” reaches the owner',
    play: (world) => mailArrives(world, OWNER.email, /is ready on Caregate/),
  },
  {
    title: 'The owner makes an API key',
    play: async (world) => {
      const { exchange, answer } = await say({
        method: 'POST',
        url: `${fact(world, 'accountUrl')}/caregate/v1/accounts/${fact(world, 'account')}/api_keys`,
        headers: session(fact(world, 'token')),
        body: { name: 'Booking system' },
      });
      expectStatus(answer, 201);
      const key = text(answer.body, 'key');
      expectThat(key.endsWith('-au1'), 'the key ends in -au1');
      world.facts.set('key', key);
      return exchange;
    },
  },
  {
    title: 'With the key, a custodial patient is created',
    play: async (world) => {
      const { exchange, answer } = await say({
        method: 'POST',
        url: `${au(world).api.url}/v1/clinics/${fact(world, 'clinic')}/patients`,
        headers: basic(fact(world, 'key')),
        body: { fullName: 'Pat Patient', birthDate: '1985-04-12', mrn: 'GHT-1' },
      });
      expectStatus(answer, 200);
      world.facts.set('patient', text(answer.body, 'id'));
      world.facts.set('patientSince', String(Date.now()));
      return exchange;
    },
  },
  {
    title: 'The patient’s permission appears in the gatekeeper database, through Kafka Connect',
    play: async (world) => {
      const filter = { userId: fact(world, 'patient') };
      const row = await eventually('the patient in gatekeeper’s patient_permissions', () =>
        gatekeeper(world).collection('patient_permissions').findOne(filter),
      );
      const waited = Date.now() - Number(fact(world, 'patientSince'));
      expectThat(!('fullName' in row) && !('birthDate' in row), 'the row holds no name and no birth date');
      return {
        sent: `find ${JSON.stringify(filter)} in patient_permissions`,
        received: `${JSON.stringify(row)}\n${waited} ms after the API’s answer`,
      };
    },
  },
  {
    title: 'With the key, the patients are listed',
    play: async (world) => {
      const { exchange, answer } = await say({
        url: `${au(world).api.url}/v1/clinics/${fact(world, 'clinic')}/patients`,
        headers: basic(fact(world, 'key')),
      });
      expectStatus(answer, 200);
      expectThat(JSON.stringify(answer.body).includes(fact(world, 'patient')), 'the patient is in the list');
      return exchange;
    },
  },
  {
    title: 'Gatekeeper answers that the clinician may view the patient',
    play: async (world) => {
      world.facts.set('owner', await userOf(world, OWNER.email));
      await eventually('the clinician in gatekeeper’s clinician_permissions', () =>
        gatekeeper(world)
          .collection('clinician_permissions')
          .findOne({ userId: fact(world, 'owner') }),
      );
      const { exchange, answer } = await askGatekeeper(world, fact(world, 'owner'));
      expectStatus(answer, 200);
      expectThat(JSON.stringify(answer.body).includes('"view"'), 'the clinician may view');
      return exchange;
    },
  },
  {
    title: 'and that a stranger may not',
    play: async (world) => {
      const { exchange, answer } = await askGatekeeper(world, '00000000ff');
      expectStatus(answer, 404);
      return exchange;
    },
  },
  {
    title: 'The same key on uk1 fails, and the answer names the right host',
    play: async (world) => {
      const { exchange, answer } = await say({
        url: `${world.platform.shard('uk1').api.url}/v1/clinics/${fact(world, 'clinic')}`,
        headers: basic(fact(world, 'key')),
      });
      expectStatus(answer, 401);
      expectThat(
        text(answer.body, 'message').includes(`api.au1.${world.platform.domain}`),
        'the message names the right host',
      );
      return exchange;
    },
  },
  {
    title: 'The same subdomain on uk1 fails',
    play: async (world) => {
      const { port } = world.platform.shard('uk1').api;
      const { exchange, answer } = await say({
        url: `http://${PRACTICE}.uk1.${world.platform.domain}:${port}/v1/clinics/${fact(world, 'clinic')}`,
        headers: session(fact(world, 'token')),
      });
      expectStatus(answer, 404);
      return exchange;
    },
  },
  {
    title: 'The key without its suffix works on au1',
    play: async (world) => {
      const { exchange, answer } = await say({
        url: `${au(world).api.url}/v1/clinics/${fact(world, 'clinic')}`,
        headers: basic(fact(world, 'key').replace(/-au1$/, '')),
      });
      expectStatus(answer, 200);
      return exchange;
    },
  },
  {
    title: 'A colleague is invited and joins',
    play: async (world) => {
      await signUp(world, 'quiet-harbour', 'Quiet Harbour', 'au', COLLEAGUE);
      await confirm(world, 'quiet-harbour', COLLEAGUE);
      const { token } = await signIn(world, COLLEAGUE);
      world.facts.set('colleague', await userOf(world, COLLEAGUE.email));
      const invited = await say({
        method: 'POST',
        url: `${fact(world, 'accountUrl')}/v1/clinics/${fact(world, 'clinic')}/invites/clinicians`,
        headers: session(fact(world, 'token')),
        body: { email: COLLEAGUE.email, roles: ['CLINIC_MEMBER'] },
      });
      expectStatus(invited.answer, 200);
      const mail = await mailTo(world.servers.mailWebUrl, COLLEAGUE.email, /invited/);
      const [, inviteId, secret = ''] = /\/invites\/(\w+)#([\w-]+)/.exec(mail.text) ?? [];
      const accepted = await say({
        method: 'PUT',
        url: `${au(world).api.url}/v1/clinicians/${fact(world, 'colleague')}/invites/${inviteId}`,
        headers: { ...session(token), 'x-caregate-invite-secret': secret },
      });
      expectStatus(accepted.answer, 200);
      return joined(invited.exchange, accepted.exchange);
    },
  },
  {
    title: 'The colleague’s role is changed',
    play: async (world) => {
      const { exchange, answer } = await say({
        method: 'PUT',
        url: `${fact(world, 'accountUrl')}/v1/clinics/${fact(world, 'clinic')}/clinicians/${fact(world, 'colleague')}`,
        headers: session(fact(world, 'token')),
        body: {
          id: fact(world, 'colleague'),
          email: COLLEAGUE.email,
          name: COLLEAGUE.fullName,
          roles: ['CLINIC_ADMIN'],
        },
      });
      expectStatus(answer, 200);
      return exchange;
    },
  },
  {
    title: 'The email about the changed role reaches the colleague',
    play: (world) => mailArrives(world, COLLEAGUE.email, /permission|role/i),
  },
  {
    title:
      'The patient and the colleague delete their user accounts: two CloudEvents on the shard’s topic of user events',
    play: async (world) => {
      const users = [fact(world, 'patient'), fact(world, 'colleague')];
      return { sent: await publishDeletions(world, users), received: 'taken by Kafka' };
    },
  },
  {
    title: 'Patient, clinician and permissions are gone, in both databases',
    play: async (world) => {
      const users = { $in: [fact(world, 'patient'), fact(world, 'colleague')] };
      const places = [
        { database: clinic(world), collections: ['patients', 'clinicians'] },
        { database: gatekeeper(world), collections: ['patient_permissions', 'clinician_permissions'] },
      ];
      for (const { database, collections } of places) {
        for (const collection of collections) {
          await eventually(
            `no row of the deleted users in ${database.databaseName}.${collection}`,
            async () => (await database.collection(collection).countDocuments({ userId: users })) === 0,
          );
        }
      }
      return {
        sent: 'count their rows in patients, clinicians, patient_permissions, clinician_permissions',
        received: '0, 0, 0, 0',
      };
    },
  },
  {
    title: 'In the UK, Calm Thames makes a clinic and takes in patients',
    play: async (world) => {
      const host = accountAddress(world, 'uk1');
      const { token } = (
        await say({
          method: 'POST',
          url: `${host}/caregate/v1/sessions`,
          body: { email: BRITON.email, password: BRITON.password },
        })
      ).answer.body as { token: string }; // the account contract
      const body = { name: 'Calm Thames Practice', country: 'GB', preferredBgUnits: 'mmol/L' };
      const { exchange, answer } = await say({
        method: 'POST',
        url: `${host}/v1/clinics`,
        headers: session(token),
        body,
      });
      expectStatus(answer, 200);
      const clinic = text(answer.body, 'id');
      world.facts.set('britishClinic', clinic);
      for (let n = 1; n <= 20; n++) {
        const patient = { fullName: `Thames Patient ${n}`, birthDate: '1970-01-01' };
        const made = await call({
          method: 'POST',
          url: `${host}/v1/clinics/${clinic}/patients`,
          headers: session(token),
          body: patient,
        });
        expectStatus(made, 200);
      }
      return { ...exchange, received: `${exchange.received}\nand 20 patients` };
    },
  },
  {
    title: 'Calm Thames moves to au1 and shows how far it is',
    play: async (world) => {
      const directory = `${world.platform.directory.url}/caregate/v1`;
      const headers = { authorization: `Bearer ${world.platform.operatorToken}` };
      const { exchange, answer } = await say({
        method: 'POST',
        url: `${directory}/accounts/calm-thames/moves`,
        headers,
        body: { to: 'au1' },
      });
      expectStatus(answer, 201);
      const seen: string[] = [];
      await eventually('Calm Thames lives on au1', async () => {
        const { phase, moved, progress } = (
          await call({ url: `${directory}/moves/${text(answer.body, 'id')}`, headers })
        ).body as MoveShown;
        const line = `${phase}: ${progress.copied} of ${progress.total} documents${progress.pausedMs ? `, writers waited ${progress.pausedMs} ms` : ''}`;
        if (seen.at(-1) !== line) seen.push(line);
        return moved && (phase === 'waiting' || phase === 'done');
      });
      return { ...exchange, received: seen.join('\n') };
    },
  },
  {
    title: 'Its address on uk1 leads on to au1, where its owner finds the patients',
    play: async (world) => {
      const path = `/v1/clinics/${fact(world, 'britishClinic')}/patients?limit=3`;
      const before = await say({ url: `${accountAddress(world, 'uk1')}${path}` });
      expectStatus(before.answer, 301);
      const location = String(before.answer.headers['location']);
      expectThat(location === `${accountAddress(world, 'au1')}${path}`, 'the redirect leads to the same path on au1');
      const signedIn = await call({
        method: 'POST',
        url: `${accountAddress(world, 'au1')}/caregate/v1/sessions`,
        body: { email: BRITON.email, password: BRITON.password },
      });
      const { exchange, answer } = await say({ url: location, headers: session(text(signedIn.body, 'token')) });
      expectStatus(answer, 200);
      expectThat(JSON.stringify(answer.body).includes('Thames Patient'), 'the patients are there');
      return joined({ ...before.exchange, received: `301 ${location}` }, exchange);
    },
  },
];

interface SignedUp {
  accountId: string;
  shard: string;
  urls: { account: string; api: string };
}

async function signUp({ platform }: World, subdomain: string, name: string, region: string, owner: typeof OWNER) {
  const { exchange, answer } = await say({
    method: 'POST',
    url: `${platform.directory.url}/caregate/v1/accounts`,
    body: { subdomain, name, region, owner },
  });
  expectStatus(answer, 201);
  // The contract of the directory; its own tests hold it to that.
  return { exchange, account: answer.body as SignedUp };
}

async function confirm({ servers }: World, subdomain: string, owner: typeof OWNER): Promise<Seen> {
  const { link, ...answer } = await confirmByMail(servers.mailWebUrl, subdomain, owner);
  expectStatus(answer, 200);
  return { sent: `POST ${link.replace(/[^/]+$/, '…')}`, received: '200, the account is confirmed' };
}

async function signIn(world: World, { email, password }: typeof OWNER) {
  const { exchange, answer } = await say({
    method: 'POST',
    url: `${au(world).api.url}/caregate/v1/sessions`,
    body: { email, password },
  });
  expectStatus(answer, 200);
  return { exchange, token: text(answer.body, 'token') };
}

async function mailArrives({ servers }: World, address: string, about: RegExp): Promise<Seen> {
  const { subject, text: body } = await mailTo(servers.mailWebUrl, address, about);
  return { sent: `GET ${servers.mailWebUrl}/api/email`, received: `to ${address}: “${subject}”\n${firstLines(body)}` };
}

async function userOf(world: World, email: string): Promise<string> {
  const user = await clinic(world).collection('users').findOne({ email });
  expectThat(user !== null, `there is a user ${email} on au1`);
  return String(user?._id);
}

function askGatekeeper(world: World, grantee: string) {
  return say({
    url: `${au(world).sync.url}/access/${fact(world, 'patient')}/${grantee}`,
    headers: session(fact(world, 'token')),
  });
}

async function publishDeletions(world: World, users: string[]): Promise<string> {
  const topic = `${au(world).topicPrefix}.user-events`;
  const kafka = new Kafka({ brokers: world.servers.kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  const events = users.map(
    (userid) =>
      new CloudEvent({
        type: 'users:delete',
        source: 'shoreline',
        data: { userid, username: '', emails: [], roles: [], fullName: '' },
      }),
  );
  await producer.connect();
  try {
    const messages = events.map((event) => ({ key: String(event.data?.userid), ...asMessage(event) }));
    await producer.send({ topic, messages });
  } finally {
    await producer.disconnect();
  }
  return events
    .map((event) => `${topic} ← ${JSON.stringify({ type: event.type, data: { userid: event.data?.userid } })}`)
    .join('\n');
}

function asMessage<T>(event: CloudEvent<T>): { value: string; headers: Record<string, string> } {
  const { body, headers } = KafkaMessage.structured(event);
  return {
    value: String(body),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
  };
}

/** What a move shows, as the directory's contract says. */
interface MoveShown {
  phase: string;
  moved: boolean;
  progress: { copied: number; total: number; pausedMs?: number };
}

const accountAddress = ({ platform }: World, shard: string) =>
  `http://calm-thames.${shard}.${platform.domain}:${platform.shard(shard).api.port}`;
const au = ({ platform }: World): Shard => platform.shard('au1');
const clinic = (world: World) => world.mongo.db(au(world).database);
const gatekeeper = (world: World) => world.mongo.db(au(world).gatekeeperDatabase);

function fact({ facts }: World, name: string): string {
  const value = facts.get(name);
  if (value === undefined) throw new Error(`an earlier step did not find out: ${name}`);
  return value;
}

async function say(request: Call): Promise<{ exchange: Seen; answer: Answer }> {
  const answer = await call(request);
  const { method = 'GET', url, headers, body } = request;
  const shown = [
    `${method} ${url}`,
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${shortened(value)}`),
  ];
  if (body !== undefined) shown.push(JSON.stringify(body, hidePasswords));
  return {
    answer,
    exchange: { sent: shown.join('\n'), received: `${answer.status} ${JSON.stringify(answer.body) ?? ''}` },
  };
}

const joined = (...seen: Seen[]): Seen => ({
  sent: seen.map(({ sent }) => sent).join('\n'),
  received: seen.map(({ received }) => received).join('\n'),
});
const hidePasswords = (key: string, value: unknown) => (key === 'password' ? '…' : value);
const shortened = (value: string) => (value.length > 40 ? `${value.slice(0, 40)}…` : value);
const firstLines = (body: string) => body.trim().split('\n').filter(Boolean).slice(0, 3).join('\n');

function expectStatus(answer: Answer, status: number): void {
  expectThat(
    answer.status === status,
    `the answer is ${status}; it was ${answer.status} ${JSON.stringify(answer.body)}`,
  );
}

function expectThat(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`expected: ${what}`);
}

function text(body: unknown, key: string): string {
  // An answer that lacks the key fails below.
  const value = (body as Record<string, unknown> | undefined)?.[key];
  expectThat(typeof value === 'string', `the answer has a text ${key}`);
  return value;
}
