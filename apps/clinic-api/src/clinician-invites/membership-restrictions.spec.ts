import { mayJoin } from './membership-restrictions.ts';

const open = {};
const own = { membershipRestrictions: [{ emailDomain: 'Harbour.example' }] };
const idp = { membershipRestrictions: [{ emailDomain: 'harbour.example', requiredIdp: 'harbour-sso' }] };

test.each([
  ['no restriction', open, 'mia@anywhere.example', { canAccept: true }],
  ['an empty list', { membershipRestrictions: [] }, 'mia@anywhere.example', { canAccept: true }],
  ['the domain, in any case', own, 'mia@HARBOUR.example', { canAccept: true }],
  ['another domain', own, 'mia@other.example', { canAccept: false }],
  ['a domain that only ends like it', own, 'mia@evil-harbour.example', { canAccept: false }],
  ['a subdomain', own, 'mia@x.harbour.example', { canAccept: false }],
  [
    'an address that holds the domain before the last @',
    own,
    '"x@harbour.example"@other.example',
    { canAccept: false },
  ],
  ['a provider that is asked for', idp, 'mia@harbour.example', { canAccept: false, requiredIdp: 'harbour-sso' }],
  ['a provider of another domain', idp, 'mia@other.example', { canAccept: false }],
])('%s', (_name, clinic, email, answer) => {
  expect(mayJoin(clinic, email)).toEqual(answer);
});

test('of two restrictions of one domain the freer one counts', () => {
  const both = { membershipRestrictions: [...idp.membershipRestrictions, ...own.membershipRestrictions] };
  expect(mayJoin(both, 'mia@harbour.example')).toEqual({ canAccept: true });
});
