import { ACCESS } from '@caregate/access';
import {
  contracts,
  exampleRequest,
  type OpenApiDocument,
  type Operation,
  operations,
  resolveSchema,
  type Schema,
} from '@caregate/contracts';
import { callersOf, type Headers, keptOf, namesOf } from './callers.ts';
import { placesIn } from './contract-places.ts';
import { answered, type Harness, startHarness } from './harness.ts';
import { newPractice, type Practice } from './practice.ts';

/** In every text of the other account, so that an answer which has any of them is found. */
const SECRET = 'Nobody-Elses-Business';

/**
 * What reaches another account by design, and why. All other operations, by whomever of ours and with whatever ids of theirs,
 * neither tell nor change anything.
 */
const BY_DESIGN: Readonly<Record<string, string>> = {
  GetClinic: 'any user may look a clinic up, as patients do (public interface)',
  GetClinicByShareCode: 'a share code is given out to be used',
  CreatePatientInvite: 'a patient offers to share with the clinic whose code they were given',
  MergeClinic: 'back-end services merge clinics of whatever account',
  GenerateMergeReport: 'the same',
};

let harness: Harness;
let ours: Practice;
let theirs: Practice;
let others: readonly string[];
beforeAll(async () => {
  harness = await startHarness();
  [ours, theirs] = await Promise.all([newPractice(harness), newPractice(harness)]);
  await nameAll(theirs);
  others = [theirs.admin, theirs.member, theirs.colleague, theirs.patient, theirs.account.owner.userId];
});
afterAll(() => harness.close());

const every = [contracts.clinic, contracts.account].flatMap((document) =>
  operations(document).map((operation) => [operation.operationId, operation, document] as const),
);

/** Asked of ours, for theirs: by whom the path lets it be asked at all. */
const isOfAccount = ({ path }: Operation) => /\{(clinicId|accountId)\}/.test(path);
const tried = every.filter(
  ([id, operation]) =>
    BY_DESIGN[id] === undefined &&
    (ACCESS[id] ?? []).some((who) =>
      who === 'service' ? isOfAccount(operation) : who !== 'directory' && who !== 'everybody',
    ),
);

test('what is not tried is for the directory, for services in all of the shard, for everybody, or reaches others by design', () => {
  const left = every.filter((row) => !tried.includes(row)).filter(([id]) => BY_DESIGN[id] === undefined);
  expect(
    left.flatMap(([id]) => ACCESS[id] ?? []).filter((who) => !/^(directory|service|everybody)$/.test(who)),
  ).toEqual([]);
  expect(tried.length).toBeGreaterThan(60);
});

/** Of a clinic they may ask whatever they like, and many such requests name nothing else. */
const onlyServices = (operationId: string) => (ACCESS[operationId] ?? []).every((who) => who === 'service');

interface Try {
  readonly what: string;
  readonly url: string;
  readonly body: unknown;
}

test.each(tried)(
  '%s tells and changes nothing of another account, whatever of theirs stands in path, query or body',
  async (operationId, operation, document) => {
    const before = JSON.stringify(await keptOf(harness, theirs.account.accountId, others));
    const found: string[] = [];
    let tries = 0;
    for (const [name, headers] of Object.entries(callersOf(operationId, ours))) {
      for (const { what, url, body } of triesOf(operationId, operation, document, name)) {
        const { status, text } = await send(operation, url, headers, body);
        tries++;
        if (status >= 500 || text.includes(SECRET)) found.push(`${name}, ${what} → ${status} ${text.slice(0, 200)}`);
      }
      if (JSON.stringify(await keptOf(harness, theirs.account.accountId, others)) !== before)
        found.push(`${name}: one of these requests has changed something`);
      if (found.length > 0) break;
    }
    expect(found).toEqual([]);
    if (!onlyServices(operationId)) expect(tries).toBeGreaterThan(0);
  },
);

test('the names of the other account are told to its own people, by the same requests', async () => {
  const [, operation, document] = every.find(([id]) => id === 'ListPatients') ?? [];
  if (!operation || !document) throw new Error('there is such an operation');
  const { url } = exampleRequest(document, 'ListPatients', namesOf(theirs));
  for (const headers of Object.values(callersOf('ListPatients', theirs)))
    expect((await send(operation, url, headers)).text).toContain(SECRET);
});

/** One thing of theirs at a time in a request that is otherwise ours, and then all of them in its path. */
function triesOf(id: string, operation: Operation, document: OpenApiDocument, caller: string): Try[] {
  // Services serve the whole shard: what is not in a clinic they may ask of anybody, and in every clinic.
  if (caller === 'service' && !isOfAccount(operation)) return [];
  const { url, body } = exampleRequest(document, id, namesOf(ours));
  const [pathOnly = '', query = ''] = url.split('?');
  const strange = namesOf(theirs);
  const inPath = operation.pathParameters
    .filter(({ name }) => name in strange)
    .filter(({ name }) => caller !== 'service' || name !== 'clinicId')
    .map(({ name }) => ({
      what: `{${name}}`,
      url: exampleRequest(document, id, { ...namesOf(ours), [name]: strange[name as keyof typeof strange] }).url,
      body,
    }));
  const whole = { what: 'all of the path', url: exampleRequest(document, id, strange).url, body };
  const inQuery = operation.queryParameters.flatMap(({ name, schema }) =>
    theirsFor(document, schema).map((value) => ({
      what: `?${name}=${value}`,
      url: `${pathOnly}?${query && `${query}&`}${name}=${value}`,
      body,
    })),
  );
  const inBody = placesIn(document, operation, body).flatMap(({ path, schema, put }) =>
    theirsFor(document, schema).map((value) => ({ what: `${path}=${value}`, url, body: put(value) })),
  );
  return [...inPath, ...(caller === 'service' ? [] : [whole]), ...inQuery, ...inBody];
}

/** What theirs a text of this form can name. */
function theirsFor(document: OpenApiDocument, given: Schema): string[] {
  const schema = resolveSchema(document, given);
  if (schema.type === 'array' && schema.items) return theirsFor(document, schema.items);
  if (schema.type !== 'string' || schema.format !== undefined || schema.enum) return [];
  const { clinicId, tagId, siteId, shareCode, inviteId, patient, colleague, account, keyId } = theirs;
  const all = [clinicId, tagId, siteId, shareCode, inviteId, patient, colleague, account.accountId, keyId];
  if (typeof schema.pattern === 'string') {
    const pattern = new RegExp(schema.pattern);
    return all.filter((id) => pattern.test(id));
  }
  return [clinicId];
}

async function send(operation: Operation, url: string, headers: Headers, body?: unknown) {
  const response = await fetch(harness.url + url, {
    method: operation.method.toUpperCase(),
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** Gives everything of a practice a name that is found again. */
async function nameAll({ clinicId, tagId, siteId, patient }: Practice): Promise<void> {
  const service = harness.asService();
  const path = { clinicId, patientTagId: tagId, siteId, patientId: patient };
  const params = { path };
  const name = SECRET;
  const clinic = { name, preferredBgUnits: 'mg/dL' as const };
  const person = { fullName: name, birthDate: '1990-02-03', mrn: SECRET.slice(0, 20), tags: [tagId] };
  const site = { id: siteId, name };
  answered(await service.PUT('/v1/clinics/{clinicId}', { params, body: clinic }));
  answered(
    await service.PUT('/v1/clinics/{clinicId}/patient_tags/{patientTagId}', {
      params,
      body: { name: SECRET.slice(0, 20) },
    }),
  );
  answered(await service.PUT('/v1/clinics/{clinicId}/sites/{siteId}', { params, body: { name } }));
  answered(
    await service.PUT('/v1/clinics/{clinicId}/patients/{patientId}', {
      params,
      body: { ...person, sites: [site] } as never,
    }),
  ); // read-only fields are not sent
}
