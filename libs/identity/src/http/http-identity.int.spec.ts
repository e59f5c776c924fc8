import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Conflict, NotFound, ServiceUnavailable, Unprocessable } from '@caregate/service';
import { SignsInWithEmail } from '../identity-service.ts';
import { isUserId, type UserId } from '../user-id.ts';
import { HttpIdentity } from './http-identity.ts';

/** What the remote service answers in one test, and what it was asked. */
interface Remote {
  identity: HttpIdentity;
  port: number;
  asked: string[];
  answers: Map<string, Answer | ((request: IncomingMessage, body: string) => Answer)>;
  close(): Promise<void>;
}
interface Answer {
  status: number;
  body?: unknown;
}

const ann = asUserId('a000000001');
const bob = asUserId('b000000001');

let remote: Remote;
beforeEach(async () => void (remote = await startRemote()));
afterEach(() => remote.close());

test('a token is looked up once, as this server, and who it speaks for is told', async () => {
  remote.answers.set('GET /token/abc%2F..%2Fx', { status: 200, body: { userid: ann, isserver: false } });
  remote.answers.set('GET /token/srv', { status: 200, body: { userid: 'worker', isserver: true } });
  const answers = await Promise.all(Array.from({ length: 20 }, () => remote.identity.authenticate('abc/../x')));
  expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
    new Set([JSON.stringify({ kind: 'user', userId: ann })]),
  );
  expect(await remote.identity.authenticate('srv')).toEqual({ kind: 'service', name: 'worker' });
  expect(await remote.identity.authenticate('unknown')).toBeUndefined();
  expect(await remote.identity.authenticate('..')).toBeUndefined();
  expect(remote.asked).toEqual([
    'POST /serverlogin',
    'GET /token/abc%2F..%2Fx',
    'GET /token/srv',
    'GET /token/unknown',
  ]);
});

test('a server token that expired is renewed, once', async () => {
  let good = 'server-1';
  remote.answers.set('POST /serverlogin', () => ({ status: 200, body: good }));
  remote.answers.set(`GET /user/${ann}`, ({ headers }) =>
    headers['x-tidepool-session-token'] === good
      ? { status: 200, body: { userid: ann, username: 'ann@example.test', roles: ['clinician'] } }
      : { status: 401 },
  );
  await remote.identity.findUser(ann);
  good = 'server-2';
  const found = await Promise.all([remote.identity.findUser(ann), remote.identity.findUser(ann)]);
  expect(found).toEqual(
    Array.from({ length: 2 }, () => ({ userId: ann, email: 'ann@example.test', roles: ['clinician'] })),
  );
  expect(remote.asked.filter((call) => call === 'POST /serverlogin')).toHaveLength(2);
});

test.each([[{ fullName: null }], [{ fullName: 7, patient: [] }], [{ patient: null, other: 'kept' }]])(
  'an odd profile is one of which less is known, not a service that is away: %j',
  async (body) => {
    remote.answers.set(`GET /${ann}/profile`, { status: 200, body });
    const { fullName, patient, ...rest } = (await remote.identity.profile(ann)) ?? {};
    expect([fullName, patient]).toEqual([undefined, undefined]);
    expect(rest).toEqual('other' in body ? { other: 'kept' } : {});
  },
);

test('what can be repeated is repeated once, what cannot is not', async () => {
  let calls = 0;
  remote.answers.set(`GET /${ann}/profile`, () =>
    ++calls === 1 ? { status: 502 } : { status: 200, body: { fullName: 'Ann' } },
  );
  expect(await remote.identity.profile(ann)).toEqual({ fullName: 'Ann' });
  remote.answers.set('POST /v1/clinics/c1/users', { status: 500 });
  await expect(remote.identity.createCustodialUser('c1', {})).rejects.toThrow(ServiceUnavailable);
  expect(remote.asked.filter((call) => call === 'POST /v1/clinics/c1/users')).toHaveLength(1);
});

test.each([
  ['unknown', { status: 404 }, NotFound],
  ['taken', { status: 409 }, Conflict],
  ['broken', { status: 500 }, ServiceUnavailable],
  ['not what was asked for', { status: 200, body: { userid: 'nobody' } }, ServiceUnavailable],
  ['not JSON', { status: 200, body: '<html>' }, ServiceUnavailable],
  ['a redirect', { status: 302 }, ServiceUnavailable],
])('an update that is answered with %s says so', async (_name, answer, error) => {
  remote.answers.set(`PUT /user/${ann}`, answer);
  await expect(remote.identity.updateUser(ann, { email: 'secret@example.test' })).rejects.toThrow(error);
  const fault = await remote.identity
    .updateUser(ann, { email: 'secret@example.test' })
    .catch((thrown: Error) => thrown.message);
  expect(fault).not.toContain('secret');
});

test('while the service is away callers are told to come back, and it works again once it is back', async () => {
  remote.answers.set(`GET /user/${ann}`, { status: 200, body: { userid: ann } });
  const { port } = remote;
  await remote.close();
  await expect(remote.identity.findUser(ann)).rejects.toThrow(ServiceUnavailable);
  remote = await startRemote(port, remote);
  expect(await remote.identity.findUser(ann)).toEqual({ userId: ann, roles: [] });
});

test('a refused service account is the fault of who sent it', async () => {
  remote.answers.set('POST /realms/caregate/protocol/openid-connect/token', {
    status: 401,
    body: { error: 'invalid_client' },
  });
  await expect(remote.identity.serviceAccountUser('client', 'bad')).rejects.toThrow(Unprocessable);
});

test('sharing is read by grantee and written by sharer', async () => {
  const written: string[] = [];
  remote.answers.set(`GET /access/groups/${ann}`, {
    status: 200,
    body: { [bob]: { view: {} }, 'not an id': { view: {} } },
  });
  remote.answers.set(`POST /access/${bob}/${ann}`, (_request, body) => {
    written.push(body);
    return { status: 200, body: {} };
  });
  expect(await remote.identity.sharesWith(ann)).toEqual(new Map([[bob, { view: {} }]]));
  await remote.identity.setSharing(bob, ann, {});
  expect(written).toEqual(['{}']);
});

test('data sources are asked for where a service knows them, which may be elsewhere', async () => {
  expect(await remote.identity.dataSources(ann)).toBeUndefined();
  expect(remote.asked).toEqual([]);
  const identity = new HttpIdentity({
    ...{ url: 'http://127.0.0.1:1', serverName: 'caregate-au1', serverSecret: '', realm: 'caregate' },
    dataSourcesUrl: `http://127.0.0.1:${remote.port}`,
  });
  await expect(identity.dataSources(ann)).rejects.toThrow(ServiceUnavailable); // it cannot sign in
  const known = new HttpIdentity({
    ...{ url: `http://127.0.0.1:${remote.port}`, serverName: 'caregate-au1', serverSecret: '', realm: 'caregate' },
    dataSourcesUrl: `http://127.0.0.1:${remote.port}`,
  });
  expect(await known.dataSources(ann)).toEqual([]);
  const source = { id: 'a'.repeat(24), userId: ann, providerName: 'dexcom', state: 'connected' };
  remote.answers.set(`GET /v1/users/${ann}/data_sources`, {
    status: 200,
    body: [
      { ...source, modifiedTime: '2026-01-02T03:04:05Z', latestDataTime: null },
      { providerName: 'abbott', state: 'error', expirationTime: 'soon' },
    ],
  });
  expect(await known.dataSources(ann)).toEqual([
    {
      ...{ dataSourceId: 'a'.repeat(24), providerName: 'dexcom', state: 'connected' },
      modifiedTime: new Date('2026-01-02T03:04:05Z'),
    },
    { providerName: 'abbott', state: 'error' },
  ]);
});

test.each(['', 'no id', '../token/x', 'two@at@signs', 'spa ce@example.test', '\ud800@x'])(
  '%j is no user, and is not asked for',
  async (text) => {
    expect(await remote.identity.findUser(text)).toBeUndefined();
    expect(remote.asked).toEqual([]);
  },
);

test('whoever has claimed their account keeps address and profile, whatever a clinic that looks after them writes', async () => {
  remote.answers.set(`GET /user/${ann}`, { status: 200, body: { userid: ann, passwordExists: true } });
  await expect(remote.identity.changeCustodialEmail(ann, 'clinic@example.test')).rejects.toThrow(SignsInWithEmail);
  await expect(remote.identity.removeEmail(ann)).rejects.toThrow(SignsInWithEmail);
  expect(await remote.identity.saveCustodialProfile(ann, { fullName: 'Renamed By A Clinic' })).toBe(false);
  expect(remote.asked.filter((call) => call.startsWith('PUT '))).toEqual([]);
});

test('whoever has not claimed their account has the address and profile that their clinic writes', async () => {
  remote.answers.set(`GET /user/${ann}`, { status: 200, body: { userid: ann } });
  remote.answers.set(`PUT /user/${ann}`, { status: 200, body: { userid: ann } });
  remote.answers.set(`PUT /${ann}/profile`, { status: 200, body: {} });
  await remote.identity.changeCustodialEmail(ann, 'clinic@example.test');
  expect(await remote.identity.saveCustodialProfile(ann, { fullName: 'Named By A Clinic' })).toBe(true);
  expect(remote.asked.filter((call) => call.startsWith('PUT '))).toEqual([`PUT /user/${ann}`, `PUT /${ann}/profile`]);
  await expect(remote.identity.saveCustodialProfile(bob, {})).rejects.toThrow(NotFound);
});

describe('the account of a custodial user whom no clinic needs any more', () => {
  const user = { userid: 'a000000001', username: 'ann@example.test', emails: ['ann@example.test'] };
  const end = (hasData = false) =>
    new HttpIdentity({
      ...{ url: `http://127.0.0.1:${remote.port}`, serverName: 'caregate-au1', serverSecret: '', realm: 'caregate' },
      dataSourcesUrl: `http://127.0.0.1:${remote.port}`,
    }).endCustodialUser(ann, { hasData });
  /** What was changed there. */
  const changes = () => remote.asked.filter((call) => /^(PUT|DELETE) /.test(call));
  let sent: string | undefined;

  beforeEach(() => {
    sent = undefined;
    remote.answers.set(`GET /user/${ann}`, { status: 200, body: user });
    remote.answers.set(`PUT /user/${ann}`, (_request, body) => {
      sent = body;
      return { status: 200, body: { ...user, emails: [] } };
    });
    remote.answers.set(`DELETE /user/${ann}`, { status: 204 });
  });

  test('is deleted where there is no data of theirs', async () => {
    expect(await end()).toBe('ended');
    expect(changes()).toEqual([`DELETE /user/${ann}`]);
  });

  test.each([403, 404, 405, 501])('loses its email where the service answers %i to its deletion', async (status) => {
    remote.answers.set(`DELETE /user/${ann}`, { status });
    expect(await end()).toBe('kept without email');
    expect(JSON.parse(sent ?? '')).toEqual({ updates: { emails: [] } });
  });

  test('is ended when another has deleted it meanwhile', async () => {
    remote.answers.set(`DELETE /user/${ann}`, () => {
      remote.answers.delete(`GET /user/${ann}`);
      return { status: 404 };
    });
    expect(await end()).toBe('ended');
    expect(sent).toBeUndefined();
  });

  test('loses only its email where the clinic knew of data', async () => {
    expect(await end(true)).toBe('kept without email');
    expect(changes()).toEqual([`PUT /user/${ann}`]);
  });

  test('loses only its email where the data service knows of data', async () => {
    const body = [{ providerName: 'dexcom', state: 'connected' }];
    remote.answers.set(`GET /v1/users/${ann}/data_sources`, { status: 200, body });
    expect(await end()).toBe('kept without email');
    expect(changes()).toEqual([`PUT /user/${ann}`]);
  });

  test('loses only its email where nobody can say whether there is data', async () => {
    expect(await remote.identity.endCustodialUser(ann, { hasData: false })).toBe('kept without email');
    expect(changes()).toEqual([`PUT /user/${ann}`]);
  });

  test('is left alone when the person has claimed it', async () => {
    remote.answers.set(`GET /user/${ann}`, { status: 200, body: { ...user, passwordExists: true } });
    expect(await end()).toBe('claimed');
    expect(changes()).toEqual([]);
  });

  test('may be gone already', async () => {
    remote.answers.delete(`GET /user/${ann}`);
    expect(await end()).toBe('unknown');
    expect(changes()).toEqual([]);
  });

  test.each([`GET /user/${ann}`, `GET /v1/users/${ann}/data_sources`, `DELETE /user/${ann}`])(
    'is tried again later, and keeps its email until then, when %s fails',
    async (call) => {
      remote.answers.set(call, { status: 500 });
      await expect(end()).rejects.toThrow(ServiceUnavailable);
      expect(sent).toBeUndefined();
    },
  );
});

function asUserId(text: string): UserId {
  if (!isUserId(text)) throw new Error(`${text} is not a user id`);
  return text;
}

async function startRemote(port = 0, before?: Remote): Promise<Remote> {
  const asked: string[] = [];
  const answers: Remote['answers'] =
    before?.answers ?? new Map([['POST /serverlogin', { status: 200, body: 'server' }]]);
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const call = `${request.method} ${request.url}`;
      asked.push(call);
      const found = answers.get(call) ?? { status: 404 };
      const answer = typeof found === 'function' ? found(request, body) : found;
      if (call === 'POST /serverlogin') response.setHeader('x-tidepool-session-token', String(answer.body));
      if (answer.status === 302) response.setHeader('location', '/elsewhere');
      response
        .writeHead(answer.status)
        .end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // A listening TCP server has an address with a port.
  const at = (server.address() as AddressInfo).port;
  const url = `http://127.0.0.1:${at}`;
  const identity =
    before?.identity ??
    new HttpIdentity({ url, serverName: 'caregate-au1', serverSecret: 'secret', realm: 'caregate' });
  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return { identity, port: at, asked, answers, close };
}
