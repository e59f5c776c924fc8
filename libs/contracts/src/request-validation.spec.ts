import { contracts } from './contracts.ts';
import { ContractViolation, requestValidator, type RawRequest } from './request-validation.ts';

const clinicId = '6b057cd309991920b5d73799';
const tag = '6b057cd409991920b5d737b4';
const json = 'application/json';
const validator = requestValidator(contracts.clinic);

function validate(operationId: string, request: RawRequest) {
  return validator.validate(operationId, { params: { clinicId }, ...request });
}

function violation(operationId: string, request: RawRequest): ContractViolation {
  try {
    validate(operationId, request);
  } catch (error) {
    if (error instanceof ContractViolation) return error;
    throw error;
  }
  throw new Error('the request was accepted');
}

describe('the query', () => {
  it('becomes numbers, booleans and lists', () => {
    const query = { limit: '50', offset: '7', omitNonStandardRanges: 'true', tags: `${tag},${clinicId}` };
    expect(validate('ListPatients', { query }).query).toEqual({
      limit: 50,
      offset: 7,
      omitNonStandardRanges: true,
      tags: [tag, clinicId],
    });
  });

  it('gets its defaults', () => {
    expect(validate('ListPatients', { query: {} }).query).toEqual({ limit: 10 });
  });

  it('keeps moments as text', () => {
    const lastReviewed = '2026-01-01T00:00:00Z';
    expect(validate('ListPatients', { query: { lastReviewed } }).query).toEqual({ limit: 10, lastReviewed });
  });

  it.each(['2016-12-31T23:59:60Z', '0000-01-01T00:00:00+14:00', '9999-12-31T23:59:59-14:00'])(
    'takes no moment that cannot be told again in UTC: %s',
    (lastReviewed) => {
      const { message } = violation('ListPatients', { query: { lastReviewed } });
      expect(message).toMatch(/^parameter "lastReviewed" in query has an error: must be a date and time/);
    },
  );

  it('takes a list whose name has the brackets that many libraries write', () => {
    expect(validate('ListPatients', { query: { 'tags[]': [tag, clinicId] } }).query['tags']).toEqual([tag, clinicId]);
    expect(validate('ListPatients', { query: { 'tags[]': tag } }).query['tags']).toEqual([tag]);
  });

  it('takes a list that is given in several parts', () => {
    expect(validate('ListPatients', { query: { tags: [tag, clinicId] } }).query['tags']).toEqual([tag, clinicId]);
  });

  it('ignores what it does not know and what has no value', () => {
    expect(validate('ListPatients', { query: { colour: 'red', search: '', sort: '' } }).query).toEqual({ limit: 10 });
  });

  it.each([
    [{ limit: '0' }, 'parameter "limit" in query has an error: must be >= 1'],
    [{ limit: 'ten' }, 'parameter "limit" in query has an error: must be an integer'],
    [{ limit: '1e3' }, 'parameter "limit" in query has an error: must be an integer'],
    [{ limit: '99999999999999' }, 'parameter "limit" in query has an error: must be <= 2147483647'],
    [{ limit: ['1', '2'] }, 'parameter "limit" in query has an error: must be given once'],
    [
      { omitNonStandardRanges: 'yes' },
      'parameter "omitNonStandardRanges" in query has an error: must be true or false',
    ],
    [{ search: 'a\0b' }, 'parameter "search" in query has an error: must not contain a NUL character'],
    [{ search: 'x'.repeat(257) }, 'parameter "search" in query has an error: must NOT have more than 256 characters'],
    [{ tags: 'x'.repeat(65) }, 'parameter "tags" in query has an error: /0 must NOT have more than 64 characters'],
    [{ sort: 'fullName' }, 'parameter "sort" in query has an error: must match ^[+ -][a-zA-Z_]+$'],
    [
      { lastReviewed: '2026-02-30T00:00:00Z' },
      'parameter "lastReviewed" in query has an error: must be a date and time',
    ],
    [
      { lastReviewed: '2026-06-30T23:59:60Z' },
      'parameter "lastReviewed" in query has an error: must be a date and time',
    ],
  ])('refuses %j', (query, message) => {
    expect(violation('ListPatients', { query }).message).toContain(message);
  });

  it('says which required parameter is missing', () => {
    const { message, where, status } = violation('TideReport', {
      query: { period: '14d', lastDataCutoff: '2026-01-01T00:00:00Z', tags: '' },
    });
    expect({ message, where, status }).toEqual({
      message: 'parameter "tags" in query has an error: is required',
      where: 'query tags',
      status: 400,
    });
  });
});

describe('the path', () => {
  it('must hold ids of the right kind', () => {
    const { message, where } = violation('GetClinic', { params: { clinicId: 'XYZ057cd309991920b5d73799' } });
    expect(message).toBe('parameter "clinicId" in path has an error: must NOT have more than 24 characters');
    expect(where).toBe('path clinicId');
  });
});

describe('the headers', () => {
  const body = { name: 'West' };
  const create = (headers?: object) => validate('CreateSite', { body, contentType: json, headers });

  it('are checked when they are given', () => {
    expect(create({ 'idempotency-key': 'k-1', host: 'clinic.example' }).headers).toEqual({ 'idempotency-key': 'k-1' });
    expect(create({ host: 'clinic.example' }).headers).toEqual({});
    expect(create().headers).toEqual({});
  });

  it('are refused with their name', () => {
    const { message, where } = violation('CreateSite', {
      body,
      contentType: json,
      headers: { 'idempotency-key': 'ä' },
    });
    expect(message).toBe('parameter "idempotency-key" in header has an error: must match ^[!-~]+$');
    expect(where).toBe('header idempotency-key');
  });
});

describe('the body', () => {
  const clinic = { name: 'Harbour Clinic', preferredBgUnits: 'mmol/L' };

  it('need not hold what is read-only, and loses it and all that is unknown', () => {
    const body = { ...clinic, id: 'mine', shareCode: 7, tier: 'tier0400', patientTags: 'x', colour: 'red' };
    expect(validate('CreateClinic', { body, contentType: json }).body).toEqual(clinic);
  });

  it('is copied, not changed', () => {
    const body = { ...clinic, colour: 'red' };
    validate('CreateClinic', { body, contentType: json });
    expect(body).toEqual({ ...clinic, colour: 'red' });
  });

  it('keeps ids that name another thing', () => {
    const body = { fullName: 'Pat', birthDate: '1990-02-03', sites: [{ id: tag, name: 'West', numPatients: 7 }] };
    expect(validate('UpdatePatient', { params: { clinicId, patientId: 'b0c1d2e3f4' }, body, contentType: json }).body) //
      .toEqual({ fullName: 'Pat', birthDate: '1990-02-03', sites: [{ id: tag, name: 'West' }] });
  });

  it('gets its defaults', () => {
    const thresholds = ['a', 'b', 'c', 'd'].map((name) => ({ name, upperBound: { value: 4, units: 'mmol/L' } }));
    const ranges = { type: 'custom', custom: { name: 'own', thresholds } };
    const body = { fullName: 'Pat', birthDate: '1990-02-03', glycemicRanges: ranges };
    expect(validate('CreatePatientAccount', { body, contentType: json }).body).toMatchObject({
      glycemicRanges: { custom: { thresholds: [{ inclusive: false }, {}, {}, {}] } },
    });
  });

  it('cannot reach the prototype of anything', () => {
    const body: unknown = JSON.parse(
      '{"name":"X","preferredBgUnits":"mg/dL","__proto__":{"admin":true},"constructor":{}}',
    );
    const valid = validate('CreateClinic', { body, contentType: json }).body;
    expect(valid).toEqual({ name: 'X', preferredBgUnits: 'mg/dL' });
    expect(Object.getPrototypeOf(valid)).toBe(Object.prototype);
  });

  it('loses chosen names that mean something to a database or to the language', () => {
    const names = ['14d', 'constructor', '$where', 'a.b', '__proto__', ''];
    const params = { patientId: 'b0c1d2e3f4' };
    const period = JSON.stringify(leastPeriod());
    const body: unknown = JSON.parse(`{"bgmStats":{"periods":{${names.map((name) => `"${name}":${period}`).join()}}}}`);
    const valid = validate('UpdatePatientSummary', { params, body, contentType: json }).body;
    expect(valid).toEqual({ bgmStats: { periods: { '14d': leastPeriod(), constructor: leastPeriod() } } });
  });

  it('may be left out where the contract says so', () => {
    const params = { clinicId, patientTagId: tag };
    expect(validate('AssignPatientTagToClinicPatients', { params }).body).toBeUndefined();
    expect(validate('AssignPatientTagToClinicPatients', { params, body: null, contentType: json }).body).toBeNull();
  });

  it('is ignored where the contract has none', () => {
    expect(validate('RefreshPatientCount', { body: { a: 1 }, contentType: 'text/plain' }).body).toBeUndefined();
  });

  it.each([
    [undefined, 'request body has an error: it is required'],
    [null, 'request body has an error: must be object'],
    [[], 'request body has an error: must be object'],
    [{ name: 'X' }, 'request body has an error: /preferredBgUnits is required'],
    [
      { ...clinic, preferredBgUnits: 'stone' },
      'request body has an error: /preferredBgUnits must be one of mg/dL, mmol/L',
    ],
    [
      { ...clinic, timezone: 'Mars' },
      'request body has an error: /timezone must be one of the values that the contract lists',
    ],
    [{ ...clinic, name: 'x'.repeat(257) }, 'request body has an error: /name must NOT have more than 256 characters'],
    [{ ...clinic, phoneNumbers: [{ type: 'x' }] }, 'request body has an error: /phoneNumbers/0/number is required'],
    [{ ...clinic, phoneNumbers: [] }, 'request body has an error: /phoneNumbers must NOT have fewer than 1 items'],
    [
      { ...clinic, phoneNumbers: [{ number: '1' }, { number: '1', unknown: true }] },
      'request body has an error: /phoneNumbers must NOT have duplicate items (items ## 0 and 1 are identical)',
    ],
  ])('is refused: %#', (body, message) => {
    expect(violation('CreateClinic', { body, contentType: json }).message).toBe(message);
  });

  it('is refused when it is nested too deep to be meant', () => {
    let body: unknown = 'deep';
    for (let level = 0; level < 100_000; level += 1) body = [body];
    expect(violation('CreateClinic', { body: { ...clinic, body }, contentType: json }).message).toBe(
      'request body has an error: it is nested more than 32 levels deep',
    );
  });

  it.each(['text/plain', undefined, 'application/xml'])('is refused as %s', (contentType) => {
    const { message, where, status } = violation('CreateClinic', { body: clinic, contentType });
    expect(message).toBe('request body has an error: its content type must be application/json');
    expect(where).toBe('header content-type');
    expect(status).toBe(415);
  });

  it('may name its character set', () => {
    validate('CreateClinic', { body: clinic, contentType: 'Application/JSON; charset=utf-8' });
  });

  it('is never told back', () => {
    const secrets = { fullName: 'Pat Secret', birthDate: '12.04.1985', email: 'pat.secret', mrn: '' };
    for (const field of ['birthDate', 'email', 'mrn']) {
      const valid = { fullName: 'Pat Secret', birthDate: '1985-04-12' };
      const body = { ...valid, [field]: secrets[field as keyof typeof secrets] }; // one of its keys
      const { message } = violation('CreatePatientAccount', { body, contentType: json });
      expect(message).toContain(`/${field}`);
      expect(message).not.toMatch(/secret|1985/i);
    }
  });
});

/** A period with what is required of it. */
function leastPeriod() {
  const { required = [], properties = {} } = contracts.clinic.components.schemas['BgmPeriod'] ?? {};
  return Object.fromEntries(required.map((name) => [name, properties[name]?.type === 'boolean' ? false : 1]));
}

describe('names and numbers that people type', () => {
  const person = { fullName: 'Zoë Quillen', birthDate: '1990-02-03' };
  const patient = (fields: object) => ({ body: { ...person, ...fields }, contentType: json });
  const taken = (fields: object) => validate('CreatePatientAccount', patient(fields)).body;

  it.each([
    ['blanks', '  Zoë Quillen \t'.replace('\t', '')],
    ['no-break and zero-width spaces', '\u00a0\u200bZoë Quillen\u2060\ufeff'],
  ])('lose %s around them', (_, fullName) =>
    expect(taken({ fullName, mrn: ` B-200\u00a0` })).toEqual({ ...person, mrn: 'B-200' }),
  );

  it('keep what joins signs within them', () => {
    const fullName = 'علی\u200cرضا 👩\u200d⚕️';
    expect(taken({ fullName })).toEqual({ ...person, fullName });
  });

  it.each([[' '], ['\u00a0'], ['\u200b\u200b'], ['\u3164'], ['\u061c'], ['\u206a\ufe0f'], ['\u{e0020}']])(
    'must not be empty then: %j',
    (blank) => {
      for (const field of ['fullName', 'mrn'])
        expect(violation('CreatePatientAccount', patient({ [field]: blank })).message).toBe(
          `request body has an error: /${field} must NOT have fewer than 1 characters`,
        );
    },
  );

  it.each([['Ada\nBcc: x'], ['Ada\u0000'], ['Ada\u2028Lovelace'], ['\u0085Ada']])('are one line: %j', (fullName) =>
    expect(violation('CreatePatientAccount', patient({ fullName })).message).toBe(
      'request body has an error: /fullName must have no line breaks and no control characters',
    ),
  );

  it('are those of clinics, sites, accounts and keys, too', () => {
    const site = { body: { name: 'Perth ' }, contentType: json };
    expect(validate('CreateSite', site).body).toEqual({ name: 'Perth' });
    const key = { body: { name: '\u00a0Lab import ' }, contentType: json };
    const accountId = '0b4a3a5e-5a9c-4c8e-9f43-0d6b6a2f1c11';
    const account = requestValidator(contracts.account);
    expect(account.validate('CreateApiKey', { params: { accountId }, ...key }).body).toEqual({
      name: 'Lab import',
    });
    const blank = { params: { accountId }, body: { name: '\u200b' }, contentType: json };
    expect(() => account.validate('CreateApiKey', blank)).toThrow('must NOT have fewer than 1 characters');
  });
});

describe('a birth date', () => {
  const day = (at: Date) => at.toISOString().slice(0, 10);
  const yearsAgo = (years: number) => day(new Date(Date.now() - years * 365.25 * 86_400_000));
  const create = (birthDate: string) => ({ body: { fullName: 'Zoë', birthDate }, contentType: json });

  it.each([[day(new Date())], [yearsAgo(129)], ['2000-02-29']])('may be %s', (birthDate) => {
    for (const operation of ['CreatePatientAccount', 'UpdatePatient', 'CreatePatientFromUser'])
      expect(
        validate(operation, { params: { clinicId, patientId: tag.slice(0, 10) }, ...create(birthDate) }).body,
      ).toEqual({ fullName: 'Zoë', birthDate });
  });

  it.each([
    [''],
    ['1990-02-30'],
    ['02/03/1990'],
    ['0001-01-01'],
    [yearsAgo(131)],
    [day(new Date(Date.now() + 3 * 86_400_000))],
  ])('is not %j', (birthDate) =>
    expect(violation('CreatePatientAccount', create(birthDate)).message).toBe(
      'request body has an error: /birthDate must be a date, YYYY-MM-DD, not in the future and not more than 130 years ago',
    ),
  );
});

describe('names of tags and sites', () => {
  it.each(['Pregnant', 'High Risk', 'Größe +1', '日本', '2>1', '_x-'])('%s can name a tag', (name) => {
    expect(validate('CreatePatientTag', { body: { name }, contentType: json }).body).toEqual({ name });
  });

  it.each(['!tag', '', ' x', 'x'.repeat(21), 'smile 😀', 'a!'])('%s can not name a tag', (name) => {
    expect(violation('CreatePatientTag', { body: { name }, contentType: json }).where).toBe('body');
  });

  it.each(['St. Mary (North)', 'Zürich #2', '!'])('%s can name a site', (name) => {
    expect(validate('CreateSite', { body: { name }, contentType: json }).body).toEqual({ name });
  });

  it.each([' x', '', 'a\tb', 'x'.repeat(201)])('%j can not name a site', (name) => {
    expect(violation('CreateSite', { body: { name }, contentType: json }).where).toBe('body');
  });
});

it('does not know operations that the contract does not', () => {
  expect(() => validator.validate('Nothing', {})).toThrow('the contract has no operation Nothing');
});
