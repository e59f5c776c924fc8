import { contracts, type ContractName } from './contracts.ts';
import { exampleOf, exampleRequest } from './examples.ts';
import { operations, routePath } from './operations.ts';
import { requestValidator } from './request-validation.ts';
import { responseValidator } from './response-validation.ts';

const everyOperation = (Object.keys(contracts) as ContractName[]) // the keys of the record
  .flatMap((name) => operations(contracts[name]).map((operation) => ({ name, operation, id: operation.operationId })));

describe('the contracts', () => {
  it('name each operation once', () => {
    const ids = everyOperation.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  it('write a path as the server does', () => {
    expect(routePath('/v1/clinics/{clinicId}/clinicians/{clinicianId}')).toBe(
      '/v1/clinics/:clinicId/clinicians/:clinicianId',
    );
  });

  it('show a request with things that exist', () => {
    const { url, method } = exampleRequest(contracts.clinic, 'TideReport', { clinicId: '000000000000000000000001' });
    expect(method).toBe('get');
    expect(url).toBe(
      '/v1/clinics/000000000000000000000001/tide_report' +
        '?period=14d&tags=6b057cd309991920b5d73799&lastDataCutoff=2026-11-24T12%3A02%3A27.628Z',
    );
  });

  describe.each(everyOperation)('$name $id', ({ name, operation, id }) => {
    it('says what it is for', () => {
      expect(operation.summary).not.toBe('');
      expect(operation.description).not.toBe('');
      expect(operation.tags).toHaveLength(1);
    });

    it('declares every parameter of its path and no other', () => {
      const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      expect(operation.pathParameters.map((parameter) => parameter.name).sort()).toEqual(inPath.sort());
      expect(operation.pathParameters.every(({ required }) => required)).toBe(true);
    });

    it('says how it can refuse', () => {
      for (const status of ['400', '401', '403', '4XX', '503']) expect(operation.responses).toHaveProperty(status);
    });

    it('takes its own example of a request', () => {
      const request = exampleRequest(contracts[name], id);
      if (operation.requestBody !== undefined) expect(request.body).toBeDefined();
      requestValidator(contracts[name]).validate(id, request);
    });

    it('answers its own examples', () => {
      for (const [status, { content = {} }] of Object.entries(operation.responses)) {
        for (const [contentType, media] of Object.entries(content)) {
          const body = exampleOf(contracts[name], media);
          expect(body).toBeDefined();
          const response = { status: Number(status.replace('XX', '18')), contentType, body };
          expect(responseValidator(contracts[name]).problems(id, response)).toEqual([]);
        }
      }
    });
  });
});
