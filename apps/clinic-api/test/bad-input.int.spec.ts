import { connect } from 'node:net';
import { ACCESS, type Who } from '@caregate/access';
import {
  contracts,
  exampleRequest,
  type OpenApiDocument,
  type Operation,
  operations,
  resolveSchema,
  type Schema,
} from '@caregate/contracts';
import { directoryHeader } from './directory.ts';
import { newClinic, type Harness, startHarness, statusOf } from './harness.ts';
import { newPractice, type Practice } from './practice.ts';

let harness: Harness;
let practice: Practice;
beforeAll(async () => {
  harness = await startHarness();
  practice = await newPractice(harness);
});
afterAll(() => harness.close());

const MIB = 1024 * 1024;
const TOKEN = 'x-tidepool-session-token';
const admin = () => ({ [TOKEN]: `user:${practice.admin}` });
const service = { [TOKEN]: 'server:export' };

const every = [contracts.clinic, contracts.account].flatMap((document) =>
  operations(document).map((operation) => [operation.operationId, operation, document] as const),
);
const withBody = every.filter(([, { requestBody }]) => requestBody !== undefined);

describe('a body that is not what the contract says', () => {
  test.each(withBody)('%s names the place of each fault', async (operationId, operation, document) => {
    const good = exampleOf(document, operationId);
    const faults = faultsOf(document, operation, good.body);
    const heard = await inTurns(faults, async ({ place, value, body }) => {
      const { status, message } = await send(operation, good.url, JSON.stringify(body));
      const right = status === 400 && message.includes(place);
      return right ? [] : [`${place} ${JSON.stringify(value)?.slice(0, 60)} → ${status} ${message.slice(0, 100)}`];
    });
    expect(heard).toEqual([]);
    expect(faults.length).toBeGreaterThan(0);
  });

  test.each(withBody)(
    '%s takes JSON only, whole, of at most 1 MiB, and not too deep',
    async (operationId, operation, document) => {
      const { url, body } = exampleOf(document, operationId);
      const json = JSON.stringify(body);
      const answers = {
        text: await send(operation, url, json, { 'content-type': 'text/plain' }),
        xml: await send(operation, url, '<a/>', { 'content-type': 'application/xml' }),
        form: await send(operation, url, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
        'a broken type': await send(operation, url, json, { 'content-type': 'application/json/' + 'x'.repeat(100) }),
        compressed: await send(operation, url, json, { 'content-encoding': 'gzip' }),
        'another charset': await send(operation, url, json, { 'content-type': 'application/json; charset=iso-8859-1' }),
        'half of it': await send(operation, url, json.slice(0, -1)),
        'no UTF-8': await send(operation, url, Buffer.from(`{"name":"Zo\u00EB"}`, 'latin1')),
        'half of a sign': await send(operation, url, '{"name":"\\\\ \\uD83D\\uDE00 \\ud83d"}'),
        'no JSON': await send(operation, url, '{name: 1}'),
        'a byte order mark in it': await send(operation, url, '{\uFEFF}'),
        'too large': await send(operation, url, `${json}${' '.repeat(MIB)}`),
        deep: await send(operation, url, '['.repeat(200_000)),
        'deep and whole': await send(operation, url, `${'['.repeat(200_000)}${']'.repeat(200_000)}`),
        'deep objects': await send(operation, url, `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
        prototype: await send(operation, url, '{"__proto__":{"roles":["CLINIC_ADMIN"]}}'),
        constructor: await send(operation, url, '{"constructor":{"prototype":{"roles":["CLINIC_ADMIN"]}}}'),
      };
      const statuses = Object.fromEntries(Object.entries(answers).map(([name, { status }]) => [name, status]));
      expect(statuses).toEqual({
        ...{ text: 415, xml: 415, form: 415, 'a broken type': 415, compressed: 415, 'another charset': 415 },
        ...{ 'no UTF-8': 400, 'half of a sign': 400 },
        ...{ 'half of it': 400, 'no JSON': 400, 'a byte order mark in it': 400, 'too large': 413 },
        ...{ deep: 400, 'deep and whole': 400, 'deep objects': 400, prototype: 400, constructor: 400 },
      });
      expect(answers['too large'].message).toContain('1 MiB');
      for (const { message } of Object.values(answers)) expect(message).toMatch(/^request body has an error/);
    },
  );
});

test.each(['application/x-www-form-urlencoded', 'text/plain', 'application/json; charset=iso-8859-1'])(
  'of a body that is not there nobody is asked for another type than %s',
  async (type) => {
    const operation = every.find(([operationId]) => operationId === 'RefreshPatientCount')?.[1];
    if (!operation) throw new Error('the operation has a name');
    const url = `/v1/clinics/${practice.clinicId}/patient_count/refresh`;
    expect(await send(operation, url, '', { 'content-type': type })).toEqual({ status: 200, message: '' });
  },
);

describe('parameters', () => {
  const inPath = every.flatMap(([operationId, operation, document]) =>
    operation.pathParameters.map((parameter) => [operationId, parameter.name, operation, document] as const),
  );

  test.each(inPath)('%s refuses a {%s} of the wrong kind', async (operationId, name, operation, document) => {
    const wrong = [
      'none',
      '{"$gt":""}',
      '$where',
      '%00',
      '..%2f..%2fadmin',
      'x'.repeat(2000),
      '%F0%9F%92%A9',
      '\u202Eabc',
      '1'.repeat(25),
    ];
    const heard = await inTurns(wrong, async (text) => {
      const { url, body } = exampleRequest(document, operationId, { ...namesOf(practice), [name]: 'WRONG' });
      const { status, message } = await send(
        operation,
        url.replace('WRONG', text),
        body === undefined ? undefined : JSON.stringify(body),
      );
      // Who may call comes first: what cannot be a clinic or a person of one's own is nobody's.
      const fits =
        (status === 400 && message.includes(`"${name}" in path`)) ||
        (status === 414 && text.length > 1024) ||
        status === 403 ||
        isOutsideToken(status, message) ||
        (isFreeText(name) && status === 404);
      return fits ? [] : [`${text.slice(0, 30)} → ${status} ${message.slice(0, 120)}`];
    });
    expect(heard).toEqual([]);
  });

  const inQuery = every.flatMap(([operationId, operation, document]) =>
    operation.queryParameters
      .filter(({ name }) => !/^(cgm|bgm)\../.test(name) || /\.(max|lastDataTo|totalRecords)$/.test(name))
      .map((parameter) => [operationId, parameter.name, operation, document] as const),
  );

  test.each(inQuery)(
    '%s takes %s as text or refuses it, whatever it says',
    async (operationId, name, operation, document) => {
      const parameter = operation.queryParameters.find((candidate) => candidate.name === name);
      const schema = resolveSchema(document, parameter?.schema ?? {});
      const { url } = exampleRequest(document, operationId, namesOf(practice));
      const [path = '', required = ''] = url.split('?');
      const others = required.split('&').filter((pair) => pair !== '' && !pair.startsWith(`${name}=`));
      const ask = (...pairs: string[]) => send(operation, `${path}?${[...others, ...pairs].join('&')}`);
      const heard: string[] = [];
      for (const pairs of [
        ...[
          '%7B%22%24gt%22%3A%22%22%7D',
          '%00',
          '%FF',
          '%',
          '%zz',
          '.*(a%2B)%2B%24',
          '((((',
          '%5B',
          '\\',
          "'",
          '*',
          '1e999',
          '-1',
          'NaN',
          '2026-02-30T00:00:00Z',
        ].map((text) => [`${name}=${text}`]),
        [`${name}=${'x'.repeat(5000)}`],
        [`${name}=${'a,'.repeat(2000)}`],
        [`${name}=1`, `${name}=2`],
      ]) {
        const { status, message } = await ask(...pairs);
        const refused = status === 400 && message.includes(name);
        const fits =
          refused ||
          (schema.type === 'string' && schema.format === undefined && [200, 204, 400, 404].includes(status)) ||
          isOutsideToken(status, message) ||
          isIgnored(name, status);
        if (!fits) heard.push(`${pairs.join('&').slice(0, 40)} → ${status} ${message.slice(0, 100)}`);
      }
      // Names with an operator in them are names that nobody knows.
      for (const pair of [
        `${name}[$ne]=`,
        `${name}[$regex]=.*`,
        ...(schema.type === 'array' ? [] : [`${name}[]=x`]), // lists are named so by many libraries
        `${name}.$gt=1`,
        '__proto__[a]=1',
        'constructor.prototype=1',
        '$where=sleep(1000)',
      ]) {
        const plain = await ask();
        const answer = await ask(pair);
        if (answer.status !== plain.status)
          heard.push(`${pair} → ${answer.status} ${answer.message}, without it ${plain.status}`);
      }
      expect(heard).toEqual([]);
    },
  );

  test('of the greatest size are understood', async () => {
    const path = `/v1/clinics/${practice.clinicId}`;
    const most = 'limit=2147483647&offset=2147483647';
    for (const list of ['patients', 'clinicians']) {
      expect((await harness.send(`${path}/${list}?${most}`, { headers: admin() })).status).toBe(200);
    }
    expect((await harness.send(`/v1/clinics?${most}`, { headers: service })).status).toBe(200);
    expect((await harness.send(`/v1/clinicians?${most}`, { headers: service })).status).toBe(200);
    for (const moment of ['0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2016-12-31T23:59:60Z']) {
      const { status } = await harness.send(`${path}/patients?lastReviewed=${moment}`, { headers: admin() });
      expect([200, 400]).toContain(status);
    }
  });

  test('cannot be an expression: what means something to a search stands for itself', async () => {
    const params = { path: { clinicId: practice.clinicId } };
    const api = harness.asUser(practice.admin);
    for (const search of ['.*', '^', '(', '[a-z]+', '|', '\\', '(?i)pat', 'P.t']) {
      const { data } = await api.GET('/v1/clinics/{clinicId}/patients', { params: { ...params, query: { search } } });
      expect([search, data?.data]).toEqual([search, []]);
      const found = await api.GET('/v1/clinics/{clinicId}/clinicians', {
        params: { ...params, query: { search: `${search}@@` } },
      });
      expect([search, found.data]).toEqual([search, []]);
    }
  });
});

describe('a request that is hardly one', () => {
  test('gets 4xx from the server, and the server goes on', async () => {
    const clinic = `/v1/clinics/${practice.clinicId}`;
    const get = `GET ${clinic} HTTP/1.1\r\nHost: localhost\r\n`;
    const post = 'POST /v1/clinics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const asked = {
      'no HTTP': 'HELLO\r\n\r\n',
      'a header in a token': `${get}${TOKEN}: a\r\n\tb\r\n\r\n`,
      'a NUL in a token': `${get}${TOKEN}: a\0b\r\n\r\n`,
      'a line feed in a token': `${get}${TOKEN}: a\nX-Admin: 1\r\n\r\n`,
      'headers without end': `${get}X: ${'x'.repeat(100_000)}\r\n\r\n`,
      'an address without end': `GET ${clinic}?${'x'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      'a space in the address': `GET ${clinic} x HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      'two lengths': `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      'a length and chunks': `${post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'a length that is none': `${post}Content-Length: two\r\n\r\n{}`,
      'a negative length': `${post}Content-Length: -1\r\n\r\n{}`,
      'a broken chunk': `${post}${TOKEN}: user:${practice.admin}\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n`,
      'no host': `GET ${clinic} HTTP/1.1\r\n\r\n`,
      'a method that nobody has': `BREW ${clinic} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    };
    const answers = await Promise.all(
      Object.entries(asked).map(async ([name, text]) => [name, await raw(text)] as const),
    );
    for (const [name, answer] of answers)
      expect([name, answer]).toEqual([name, expect.stringMatching(/^HTTP\/1\.1 4\d\d /)]);
    expect((await harness.send('/ready')).status).toBe(200);
  });

  test('for nothing that exists gets 404, and no other method is one of ours', async () => {
    for (const path of [
      '/',
      '/v1',
      '/v1/clinics/',
      '/V1/clinics',
      '//v1/clinics',
      '/v1//clinics',
      '/v1/clinics/..',
      '/v1/%63linicz',
      '/.env',
      '/v1/redox',
    ]) {
      const { status, body } = await harness.send(path, { headers: service });
      expect([path, status, body]).toEqual([
        path,
        path === '/v1/clinics/' ? 400 : 404,
        { message: expect.any(String) },
      ]);
    }
    for (const method of ['PATCH', 'OPTIONS', 'PROPFIND', 'TRACE', 'DELETE']) {
      const answer = await raw(
        `${method} /v1/clinics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${TOKEN}: server:export\r\n\r\n`,
      );
      expect([method, answer]).toEqual([method, expect.stringMatching(/^HTTP\/1\.1 4\d\d /)]);
    }
    const overridden = { ...admin(), 'x-http-method-override': 'DELETE', 'x-http-method': 'DELETE' };
    const path = `/v1/clinics/${practice.clinicId}`;
    expect((await harness.send(path, { headers: overridden })).status).toBe(200);
    expect((await harness.send(path, { headers: admin() })).status).toBe(200);
  });

  test('with a broken percent sign is refused, also where the rest would do', async () => {
    for (const path of ['/v1/clinics/%', '/v1/clinics/%zz', '/v1/clinics/%c0%ae', '/v1/clinics/share_code/%E0%A4%A']) {
      const { status, body } = await harness.send(path, { headers: service });
      expect([path, status, body]).toEqual([path, 400, { message: expect.any(String) }]);
    }
  });

  test('whose token is no token is refused by the gate', async () => {
    for (const text of [
      'user:',
      'x'.repeat(8000),
      '../../token',
      'a/b',
      'a%2Fb',
      '?x',
      '#',
      '{"$gt":""}',
      'user:%00',
      '..',
    ]) {
      const { status, body } = await harness.send(`/v1/clinics/${practice.clinicId}`, { headers: { [TOKEN]: text } });
      expect([text.slice(0, 20), status, body]).toEqual([
        text.slice(0, 20),
        401,
        { message: 'session token is invalid' },
      ]);
    }
  });
});

test('texts that are unusual but allowed are kept as they are', async () => {
  const api = harness.asUser(practice.admin);
  const { id: clinicId = '' } = await newClinic(api);
  for (const fullName of [
    'Zoë 😀 \u202Eabc',
    "Robert'); DROP TABLE patients;--",
    '<script>alert(1)</script>',
    '\\u0000',
    '$where',
    '__proto__',
    'İ',
    'ﬃ',
  ]) {
    const body = { fullName, birthDate: '1990-02-03' };
    const created = await api.POST('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId } }, body });
    expect([fullName, statusOf(created)]).toEqual([fullName, 200]);
    expect(created.data?.fullName).toBe(fullName);
    const query = { search: fullName };
    const found = await api.GET('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId }, query } });
    expect(found.data?.data?.map((patient) => patient.fullName)).toContain(fullName);
  }
});

/** Sends a request as somebody who may; whatever comes back must be a refusal in the one form, or a success. */
async function send(
  operation: Operation,
  url: string,
  body?: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
) {
  const answer = await harness.send(url, {
    method: operation.method.toUpperCase(),
    headers: { ...(await someoneFor(operation.operationId)), ...headers },
    ...(body !== undefined && { body }),
  });
  if (answer.status < 400) return { status: answer.status, message: '' };
  expect(Object.keys(answer.body as object)).toEqual(['message']);
  const { message } = answer.body as { message: string }; // just checked
  expect(message).not.toMatch(/\n\s+at /); // a stack
  return { status: answer.status, message };
}

const MOVE_OF_EXAMPLES = '7b1c9d52-7f0e-4c1e-9a52-6a1d6f8f0b11';

/** Who may call the operation on the things of the practice. */
async function someoneFor(operationId: string): Promise<Record<string, string>> {
  const row: readonly Who[] = ACCESS[operationId] ?? [];
  if (row.includes('service')) return service;
  if (row.includes('directory'))
    return directoryHeader({ operationId, accountId: practice.account.accountId, moveId: MOVE_OF_EXAMPLES });
  if (row.includes('accountOwner')) return { [TOKEN]: `user:${practice.account.owner.userId}` };
  return row.includes('userInPath') && !row.includes('admin') ? { [TOKEN]: `user:${practice.patient}` } : admin();
}

function exampleOf(document: OpenApiDocument, operationId: string) {
  return exampleRequest(document, operationId, namesOf(practice));
}

const namesOf = ({ clinicId, colleague, patient, tagId, siteId, inviteId, shareCode, account, keyId }: Practice) => ({
  ...{
    clinicId,
    clinicianId: colleague,
    userId: patient,
    patientId: patient,
    patientTagId: tagId,
    siteId,
    inviteId,
    shareCode,
    keyId,
  },
  accountId: account.accountId,
});

/** Parameters that are any text: there is simply nothing of that name. */
const isFreeText = (name: string) => ['shareCode', 'inviteId', 'summaryId'].includes(name);

/** The directory's tokens are for one account and one move; any other text in their place is refused before it is looked at. */
const isOutsideToken = (status: number, message: string) =>
  status === 401 && message.startsWith('this token of the directory is for another');

/** Clients of the public service ask for patients without tags or sites by a text that is no id. */
const isIgnored = (name: string, status: number) => ['tags', 'sites'].includes(name) && status === 200;

interface Fault {
  readonly place: string;
  readonly value: unknown;
  readonly body: unknown;
}

/** Every property that is sent, with each value that it must not have. */
function faultsOf(document: OpenApiDocument, { requestBody }: Operation, good: unknown): Fault[] {
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema ?? {};
  return faultsAt(document, schema, '', good, (value) => value, 0);
}

type Put = (value: unknown) => unknown;

function faultsAt(
  document: OpenApiDocument,
  given: Schema,
  place: string,
  good: unknown,
  put: Put,
  depth: number,
): Fault[] {
  const schema = resolveSchema(document, given);
  if (schema.readOnly === true || depth > 3) return [];
  const here = wrongValues(schema).map((value) => ({ place, value, body: put(value) }));
  if (schema.type === 'array' && schema.items) {
    return [...here, ...faultsAt(document, schema.items, `${place}/0`, undefined, (value) => put([value]), depth + 1)];
  }
  const record = isRecord(good) ? good : {};
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    faultsAt(
      document,
      property,
      `${place}/${name}`,
      record[name],
      (value) => put({ ...record, [name]: value }),
      depth + 1,
    ),
  );
  // Below the top a neighbour that is missing may be named instead, unless the example has all of them.
  return depth > 0 && !isRecord(good) ? here : [...here, ...below];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function wrongValues({
  type,
  format,
  pattern,
  maxLength,
  minLength,
  maxItems,
  minItems,
  minimum,
  maximum,
  enum: values,
  nullable,
}: Schema): unknown[] {
  const none = nullable ? [] : [null];
  switch (type) {
    case 'string':
      return [
        ...none,
        ...[7, true, [], ['x'], { $gt: '' }, { $ne: null }],
        ...(typeof maxLength === 'number'
          ? ['x'.repeat(maxLength + 1), 'x'.repeat(Math.max(maxLength + 2, 100_000))]
          : []),
        ...(typeof minLength === 'number' && minLength > 0 ? [''] : []),
        ...(format === 'date' ? ['12.04.1985', '2026-02-30', '2026-13-01', '1985-4-12', '0', 'today'] : []),
        ...(format === 'date-time'
          ? [
              'yesterday',
              '2026-02-30T00:00:00Z',
              '2026-01-01',
              '2026-01-01T00:00:00',
              '2026-01-01T25:00:00Z',
              '1764000000',
            ]
          : []),
        ...(format === 'email' ? ['nobody', '@', 'a@b@c', 'a b@c.de', 'a@b.c\r\nBcc: x@y.z'] : []),
        ...(typeof pattern === 'string' ? ['\u0000', '\n'] : []),
        ...(values ? ['no such', '__proto__', 'constructor'] : []),
      ];
    case 'integer':
    case 'number':
      return [
        ...none,
        ...['1', true, [], { $gt: 0 }, {}],
        ...(type === 'integer' ? [1.5] : []),
        ...(typeof minimum === 'number' ? [minimum - 1] : []),
        ...(typeof maximum === 'number' ? [maximum + 1, 1e300] : []),
      ];
    case 'boolean':
      return [...none, 'true', 1, 0, {}, []];
    case 'array':
      return [
        ...none,
        ...['x', 1, {}, { $in: [] }, { length: 1 }],
        ...(typeof minItems === 'number' && minItems > 0 ? [[]] : []),
        ...(typeof maxItems === 'number' && maxItems < 2000 ? [Array.from({ length: maxItems + 1 }, () => null)] : []),
      ];
    default:
      return [...none, 'x', 1, true, [], [{}]];
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<string[]>): Promise<string[]> {
  const heard: string[] = [];
  for (let i = 0; i < items.length; i += 16)
    heard.push(...(await Promise.all(items.slice(i, i + 16).map(work))).flat());
  return heard;
}

/** The beginning of what the server answers to these bytes. */
function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(harness.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (answer.includes('\r\n\r\n')) socket.end();
    });
    socket.on('close', () => resolve(answer.split('\r\n', 1)[0] ?? ''));
    socket.on('error', (error) => (answer === '' ? reject(error) : undefined));
  });
}
