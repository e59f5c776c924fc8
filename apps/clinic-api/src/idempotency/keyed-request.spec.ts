import { KeyedRequest, type Sent } from './keyed-request.ts';

const sent: Sent = {
  operationId: 'CreateSite',
  params: { clinicId: 'c' },
  query: {},
  body: { name: 'North', more: [1, { b: 2, a: 1 }] },
};
const request = new KeyedRequest('a000000001', 'key-1', sent);

test('the same caller and key are one request, others are others', () => {
  expect(new KeyedRequest('a000000001', 'key-1', { ...sent, body: {} }).id).toBe(request.id);
  expect(new KeyedRequest('a000000002', 'key-1', sent).id).not.toBe(request.id);
  expect(new KeyedRequest('a000000001', 'key-2', sent).id).not.toBe(request.id);
  expect(new KeyedRequest('a00000000', '1key-1', sent).id).not.toBe(request.id);
});

test('the order of fields makes no other request, anything else does', () => {
  const same = {
    params: sent.params,
    body: { more: [1, { a: 1, b: 2 }], name: 'North' },
    query: {},
    operationId: 'CreateSite',
  };
  expect(new KeyedRequest('a000000001', 'key-1', same).fingerprint).toBe(request.fingerprint);
  const others: Partial<Sent>[] = [
    { body: { name: 'South' } },
    { params: { clinicId: 'd' } },
    { query: { x: 1 } },
    { operationId: 'UpdateSite' },
    { body: undefined },
  ];
  for (const other of others) {
    expect(new KeyedRequest('a000000001', 'key-1', { ...sent, ...other }).fingerprint).not.toBe(request.fingerprint);
  }
});

test('an answer is read with the key that sealed it, and with no other', () => {
  const sealed = request.seal('{"name":"Ænne"}');
  expect(sealed.toString('latin1')).not.toContain('name');
  expect(new KeyedRequest('a000000001', 'key-1', sent).unseal(sealed)).toBe('{"name":"Ænne"}');
  expect(() => new KeyedRequest('a000000001', 'key-2', sent).unseal(sealed)).toThrow();
  expect(() => new KeyedRequest('a000000002', 'key-1', sent).unseal(sealed)).toThrow();
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
  expect(() => request.unseal(sealed)).toThrow();
});
