import { randomBytes } from 'node:crypto';
import { type Answer, call, confirmed, eventually, session } from '@caregate/demo';
import { type App, type Platform, type Servers, startApp, startServers, startShards } from '@caregate/stack';
import { leaveNothing } from './leave-nothing.ts';

const prefix = `rw${randomBytes(3).toString('hex')}_`;
const OWNER = { email: `wren.${prefix}@brook.example`, fullName: 'Wren Brook', password: 'quiet brook under pines' };
const SUBDOMAIN = 'quiet-brook';

let servers: Servers;
let platform: Platform;
let owner: { token: string; userId: string };
let clinicUrl: string;

beforeAll(async () => {
  servers = await startServers({ only: ['mongod', 'connect'] });
  platform = await startShards(servers, {
    shards: ['au1'],
    prefix,
    only: ['directory', 'clinic-api', 'gatekeeper-sync'],
  });
  const signUp = { subdomain: SUBDOMAIN, name: 'Quiet Brook', region: 'au', owner: OWNER };
  const signedUp = await call({ method: 'POST', url: `${platform.directory.url}/caregate/v1/accounts`, body: signUp });
  await confirmed(platform.shard('au1'), signedUp.body as { accountId: string }, OWNER.password);
  const { email, password } = OWNER;
  owner = (await ask('POST', `${api()}/caregate/v1/sessions`, { email, password })).body as typeof owner; // the contract's answer
  const clinic = await ask('POST', `${api()}/v1/clinics`, {
    name: 'Quiet Brook',
    country: 'AU',
    preferredBgUnits: 'mmol/L',
  });
  clinicUrl = `${api()}/v1/clinics/${(clinic.body as { id: string }).id}`;
}, 300_000);

afterAll(async () => {
  await platform?.stop();
  await leaveNothing(servers, prefix);
  await servers?.stop();
});

const api = () => `http://${SUBDOMAIN}.au1.${platform.domain}:${platform.shard('au1').api.port}`;

async function ask(method: string, url: string, body?: unknown): Promise<Answer> {
  const answer = await call({
    method,
    url,
    headers: owner ? session(owner.token) : {},
    ...(body !== undefined && { body }),
  });
  expect({ url, status: answer.status }).toEqual({ url, status: answer.status < 300 ? answer.status : 'a success' });
  return answer;
}

/** What the gatekeeper says the owner may do with a patient's data, no older than the write of this answer. */
function accessAfter(write: Answer, patientId: string, gatekeeper: App = platform.shard('au1').sync): Promise<Answer> {
  const { 'x-caregate-written-at': writtenAt } = write.headers;
  expect(writtenAt).toEqual(expect.stringMatching(/^\d{4}-\d\d-\d\dT/));
  return call({
    url: `${gatekeeper.url}/access/${patientId}/${owner.userId}`,
    headers: { ...session(owner.token), 'x-caregate-read-after': String(writtenAt) },
  });
}

const newPatient = async (n: number) => {
  const write = await ask('POST', `${clinicUrl}/patients`, { fullName: `Pat ${n}`, birthDate: '1985-04-12' });
  return { write, patientId: (write.body as { id: string }).id };
};

test('whoever names their write reads it at once, through Kafka, and never what was before it', async () => {
  for (let n = 0; n < 15; n++) {
    const { write, patientId } = await newPatient(n);
    const granted = await accessAfter(write, patientId);
    expect({ n, status: granted.status, body: granted.body }).toMatchObject({ n, status: 200, body: { view: {} } });
    const removal = await ask('DELETE', `${clinicUrl}/patients/${patientId}`);
    expect({ n, status: (await accessAfter(removal, patientId)).status }).toEqual({ n, status: 404 });
  }
}, 120_000);

test('many at once, each with a write of their own', async () => {
  const statuses = await Promise.all(
    Array.from({ length: 30 }, async (_, n) => {
      const { write, patientId } = await newPatient(100 + n);
      return (await accessAfter(write, patientId)).status;
    }),
  );
  expect(statuses).toEqual(statuses.map(() => 200));
}, 120_000);

test('reads tell no time of a write, and bodies are what they were', async () => {
  expect((await ask('GET', clinicUrl)).headers).not.toHaveProperty('x-caregate-written-at');
});

test('an answer that cannot be as fresh in time is a 503 that says so', async () => {
  const { PORT: _taken, ...env } = platform.shard('au1').sync.env;
  const hasty = await startApp({
    name: 'gatekeeper-sync',
    label: `${prefix}hasty`,
    env: { ...env, READ_AFTER_TIMEOUT_MS: '1', RECONCILE_SECONDS: '3600' },
  });
  try {
    await platform.shard('au1').sync.stop(); // it would set paused connectors going again
    await pauseConnectors(String(env['TOPIC_PREFIX']));
    const { write, patientId } = await newPatient(1_000);
    const answer = await accessAfter(write, patientId, hasty);
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBeDefined();
    expect(answer.body).toEqual({ message: expect.stringContaining('behind') });
  } finally {
    await hasty.stop();
  }
}, 120_000);

/** From then on nothing reaches the gatekeeper's database. */
async function pauseConnectors(topicPrefix: string): Promise<void> {
  const url = `${servers.connectUrl}/connectors`;
  const names = ((await call({ url })).body as string[]).filter((name) => name.startsWith(`${topicPrefix}.`)); // as Connect lists them
  expect(names).not.toEqual([]);
  for (const name of names) await call({ method: 'PUT', url: `${url}/${name}/pause` });
  await eventually('the connectors stand still', async () => {
    const states = await Promise.all(names.map(async (name) => (await call({ url: `${url}/${name}/status` })).body));
    return !JSON.stringify(states).includes('RUNNING');
  });
}
