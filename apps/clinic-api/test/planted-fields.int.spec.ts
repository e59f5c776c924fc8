import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACCESS } from '@caregate/access';
import {
  contracts,
  exampleRequest,
  type OpenApiDocument,
  type Operation,
  operations,
  resolveSchema,
} from '@caregate/contracts';
import { callersOf, type Headers, keptOf, namesOf } from './callers.ts';
import { isRecord, placesIn } from './contract-places.ts';
import { type Harness, startHarness } from './harness.ts';
import { newPractice, type Practice } from './practice.ts';

/** Stands in everything that is planted, so that it is found wherever it is kept or told. */
const MARK = 'planted';
const MARKED_ID = 'badbadbadbadbadbadbadbad';
const MARKED_USER = 'badbadbad0';
const MARKED_ACCOUNT = 'badbad00-badb-4bad-8bad-badbadbadbad';
const FOUND = /planted|badbadbad/;

/** What nobody may say of anything: who and whose it is, what may be done with it, when it was made. */
const NOT_FOR_CLIENTS: Readonly<Record<string, unknown>> = {
  _id: MARKED_ID,
  id: MARKED_ID,
  __v: 7,
  accountId: MARKED_ACCOUNT,
  clinicId: MARKED_ID,
  userId: MARKED_USER,
  ownerUserId: MARKED_USER,
  createdBy: MARKED_USER,
  invitedBy: MARKED_USER,
  inviteId: MARK,
  inviteSentTime: '2001-01-01T00:00:00.000Z',
  roles: ['CLINIC_ADMIN'],
  admins: [MARKED_USER],
  rolesUpdates: [{ roles: ['CLINIC_ADMIN'], updatedBy: MARKED_USER }],
  isServiceAccount: true,
  isAdmin: true,
  permissions: { custodian: {}, view: {}, upload: {}, note: {} },
  custodian: {},
  tier: 'tier0400',
  tierDescription: MARK,
  canMigrate: true,
  isMigrated: false,
  shareCode: 'AAAA-BBBB-CCCC',
  shareCodes: ['AAAA-BBBB-CCCC'],
  canonicalShareCode: 'AAAA-BBBB-CCCC',
  ehrSettings: { enabled: true, sourceId: MARK },
  mrnSettings: { required: true, unique: true },
  patientCountSettings: { hardLimit: { patientCount: 999_999 } },
  suppressedNotifications: { patientClinicInvitation: true },
  patientTags: [{ id: MARKED_ID, name: MARK }],
  legacyClinicianIds: [MARKED_USER],
  summary: { cgmStats: { id: MARKED_ID } },
  reviews: [{ clinicianId: MARKED_USER, time: '2001-01-01T00:00:00.000Z' }],
  lastUploadReminderTime: '2001-01-01T00:00:00.000Z',
  secretHash: MARK,
  revokedTime: '2001-01-01T00:00:00.000Z',
  moved: { shard: 'uk1', moveId: MARK },
  createdTime: '2001-01-01T00:00:00.000Z',
  updatedTime: '2001-01-01T00:00:00.000Z',
};

/** Names that mean something to MongoDB or to JavaScript. (`__proto__` is refused: bad-input.int.spec.ts.) */
const OPERATORS: Readonly<Record<string, unknown>> = {
  $where: `sleep(1) || '${MARK}'`,
  $set: { tier: MARK },
  $unset: { clinicId: 1 },
  $ne: null,
  $or: [{}],
  $expr: { $eq: [1, 1] },
  'permissions.custodian': {},
  'a.b': MARK,
  '': MARK,
  constructor: MARK,
  prototype: { planted: true },
  hasOwnProperty: MARK,
  toString: MARK,
  toJSON: MARK,
  valueOf: 1,
  then: MARK,
  length: 1e9,
};

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const every = [contracts.clinic, contracts.account].flatMap((document) =>
  operations(document).map((operation) => [operation.operationId, operation, document] as const),
);
/** The directory may say all of an account: it moves them. Everybody else is meant. */
const isForClients = (operationId: string) => (ACCESS[operationId] ?? []).some((who) => who !== 'directory');
const withBody = every.filter(([id, { requestBody }]) => requestBody !== undefined && isForClients(id));

test.each(withBody)(
  '%s does the same with fields that are not the client’s to set, and with operators among its fields, as without',
  async (...row) => {
    const [plain, planted] = await Promise.all([
      effectOf(row, {}),
      effectOf(row, { ...NOT_FOR_CLIENTS, ...OPERATORS }),
    ]);
    expect(planted).toEqual(plain);
  },
);

describe('queries', () => {
  const reads = every.filter(
    ([id, { method, queryParameters }]) => method === 'get' && queryParameters.length > 0 && isForClients(id),
  );
  let practice: Practice;
  beforeAll(async () => {
    practice = await newPractice(harness);
  });

  test.each(reads)('%s selects the same with operators in the names of its query', async (id, operation, document) => {
    const names = operation.queryParameters.map(({ name }) => name);
    const queries = [
      ...['[$ne]=', '[$regex]=.*', '[$gt]=', '[0]=x', '.$gt=1', '[__proto__][planted]=1'].map((end) =>
        names.map((name) => name + end).join('&'),
      ),
      // A list may be named so.
      operation.queryParameters
        .filter(({ schema }) => resolveSchema(document, schema).type !== 'array')
        .map(({ name }) => `${name}[]=x`)
        .join('&'),
      '$where=1&$or[0][a]=1&__proto__[planted]=1&constructor[prototype][planted]=1&filter={"$ne":null}',
    ];
    const joined = toBeJoined(id, document);
    for (const [name, headers] of Object.entries(callersOf(id, practice))) {
      const plain = await read(joined, headers);
      for (const query of queries)
        expect([name, query, await read(joined + query, headers)]).toEqual([name, query, plain]);
    }
  });

  /** The address with what must stand in its query, and with none of the entries that our own requests leave in the audit. */
  function toBeJoined(id: string, document: OpenApiDocument): string {
    const { url } = exampleRequest(document, id, namesOf(practice));
    const past = id === 'ListAuditEntries' ? 'until=2026-01-01T00:00:00Z&' : '';
    return `${url}${url.includes('?') ? '&' : '?'}${past}`;
  }

  const texts = reads.flatMap(([id, operation, document]) =>
    operation.queryParameters
      .filter(({ schema }) => {
        const { type, format, enum: some, pattern } = resolveSchema(document, schema);
        return type === 'string' && format === undefined && some === undefined && pattern === undefined;
      })
      .map(({ name }) => [id, name, document] as const),
  );

  test.each(texts)('%s takes an operator in %s as a text like any other', async (id, name, document) => {
    const joined = toBeJoined(id, document);
    for (const headers of Object.values(callersOf(id, practice))) {
      const nothing = await read(`${joined}${name}=nobody-has-this`, headers);
      for (const text of ['{"$ne":null}', '{"$gt":""}', '.*', '^', '$where:1', '[object Object]', "';return true;//"])
        expect([text, await read(`${joined}${name}=${encodeURIComponent(text)}`, headers)]).toEqual([text, nothing]);
    }
  });
});

test('no address in any text of any request is ever asked for anything', async () => {
  const asked: string[] = [];
  const trap = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  trap.on('connection', () => asked.push('a connection'));
  trap.listen(0, '127.0.0.1');
  await once(trap, 'listening');
  const { port } = trap.address() as AddressInfo; // it listens on a port
  const practice = await newPractice(harness);
  let sent = 0;
  for (const [id, operation, document] of withBody) {
    const [headers = {}] = Object.values(callersOf(id, practice));
    const { url, body } = exampleRequest(document, id, namesOf(practice));
    for (const { schema, path, put } of placesIn(document, operation, withOwnEmails(body))) {
      if (schema.type !== 'string' || schema.enum || schema.pattern !== undefined || schema.format !== undefined)
        continue;
      sent++;
      const address = `http://127.0.0.1:${port}/${id}${path}`;
      const response = await fetch(harness.url + url, {
        method: operation.method.toUpperCase(),
        headers: {
          ...headers,
          'content-type': 'application/json',
          referer: address,
          origin: address,
          'x-callback-url': address,
        },
        body: JSON.stringify(put(address)),
      });
      await response.text();
      expect(response.status).toBeLessThan(500);
    }
  }
  expect(sent).toBeGreaterThan(30);
  await fetch(`http://127.0.0.1:${port}/the trap works`);
  expect(asked.filter((what) => what !== 'a connection')).toEqual(['/the%20trap%20works']);
  expect(asked).toHaveLength(2);
  trap.closeAllConnections();
  trap.close();
});

test('nothing of what was planted is kept anywhere, and no field has the name of an operator', async () => {
  const found: string[] = [];
  for (const { collectionName } of (await harness.connection.db?.collections()) ?? []) {
    for (const document of await harness.connection.collection(collectionName).find().toArray()) {
      const plain: unknown = JSON.parse(JSON.stringify(document));
      for (const name of namesIn(plain))
        if (/^\$|\.|^$|^(__proto__|constructor|prototype)$/.test(name)) found.push(`${collectionName}: ${name}`);
      if (FOUND.test(JSON.stringify(plain))) found.push(`${collectionName}: ${JSON.stringify(plain).slice(0, 300)}`);
    }
  }
  expect(found).toEqual([]);
});

test('what all objects inherit has not changed', () => {
  expect(({} as { planted?: unknown }).planted).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
  for (const name in {}) throw new Error(`all objects have ${name} now`);
});

type Row = readonly [string, Operation, OpenApiDocument];

/** What the operation answers and what is kept afterwards, in a new practice and with the fields added wherever the contract has none of that name. */
async function effectOf([id, operation, document]: Row, added: Readonly<Record<string, unknown>>) {
  const practice = await newPractice(harness);
  const [headers = {}] = Object.values(callersOf(id, practice)).reverse();
  const { url, body } = exampleRequest(document, id, namesOf(practice));
  const own = withOwnEmails(body);
  const sent = withAll(document, operation, own, added);
  const response = await fetch(harness.url + url, {
    method: operation.method.toUpperCase(),
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(sent),
  });
  const text = await response.text();
  expect(text).not.toMatch(FOUND);
  const { users: _, ...kept } = await keptOf(harness, practice.account.accountId);
  return { status: response.status, text: withoutIds(text), kept: JSON.parse(withoutIds(JSON.stringify(kept))) };
}

/** Fields are added to the body and to each object in it, unless the contract lets clients set them there. */
function withAll(
  document: OpenApiDocument,
  operation: Operation,
  good: unknown,
  added: Readonly<Record<string, unknown>>,
): unknown {
  let body = good;
  for (const place of placesIn(document, operation, good)) {
    const { schema, path } = place;
    // Closed bodies and maps of names refuse others, which is tried elsewhere.
    if (schema.type !== 'object' || schema.additionalProperties !== undefined) continue;
    const unknown = Object.fromEntries(
      Object.entries(added).filter(([name]) => {
        const property = schema.properties?.[name];
        return property === undefined || resolveSchema(document, property).readOnly === true;
      }),
    );
    body = at(body, path.split('/').slice(1), (value) => (isRecord(value) ? { ...value, ...unknown } : value));
  }
  return body;
}

function at(value: unknown, [name, ...rest]: readonly string[], change: (value: unknown) => unknown): unknown {
  if (name === undefined) return change(value);
  if (Array.isArray(value)) return value.map((item, index) => (String(index) === name ? at(item, rest, change) : item));
  return isRecord(value) && Object.hasOwn(value, name) ? { ...value, [name]: at(value[name], rest, change) } : value;
}

/** An email belongs to one user of the shard, so that no two requests may have the same. */
const withOwnEmails = (body: unknown): unknown =>
  body === undefined
    ? undefined
    : JSON.parse(
        JSON.stringify(body).replace(/[\w.]+@[\w.]+/g, () => `${randomBytes(5).toString('hex')}@example.test`),
      );

/** Two runs differ in ids, codes, keys and moments. */
const withoutIds = (text: string) =>
  text
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<account>')
    .replace(/[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}/g, '<code>')
    .replace(/[0-9a-f]{64}/g, '<hash>')
    .replace(/[0-9a-z]{50}(-au1)?/g, '<key>')
    .replace(/[0-9a-f]{32}|[0-9a-f]{24}|[0-9a-f]{10}/g, '<id>')
    .replace(/"last4":"\w+"/g, '"last4":"<last>"');

async function read(url: string, headers: Headers) {
  const response = await fetch(harness.url + url, { headers });
  return { status: response.status, text: await response.text() };
}

function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  return isRecord(value) ? Object.entries(value).flatMap(([name, item]) => [name, ...namesIn(item)]) : [];
}
