import { graceHeaders } from './grace-headers.ts';

test('since when it is deprecated is a date of structured fields', () => {
  const headers = graceHeaders({
    UNSHARDED_DEPRECATED_SINCE: '2026-11-24',
    UNSHARDED_SUNSET: undefined,
    UNSHARDED_DOCS: undefined,
  });
  expect(headers).toEqual({ deprecation: '@1795478400' });
});

test('the end and the page to read are told where they are known', () => {
  const headers = graceHeaders({
    UNSHARDED_DEPRECATED_SINCE: '2026-11-24',
    UNSHARDED_SUNSET: '2027-06-30',
    UNSHARDED_DOCS: 'https://docs.example.test/shards#"move"',
  });
  expect(headers).toEqual({
    deprecation: '@1795478400',
    sunset: 'Wed, 30 Jun 2027 00:00:00 GMT',
    link: [
      '<https://docs.example.test/shards#%22move%22>; rel="deprecation"; type="text/html"',
      '<https://docs.example.test/shards#%22move%22>; rel="sunset"; type="text/html"',
    ].join(', '),
  });
});
