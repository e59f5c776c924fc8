import { givesPasswordAway, messageIdOf, sendResult } from './smtp.ts';

const fault = (fields: object) => Object.assign(new Error('550 <someone@example.com> unknown'), fields);

it.each([
  ['recipient unknown', { code: 'EENVELOPE', responseCode: 550, command: 'RCPT TO' }, 'refused'],
  ['message refused', { code: 'EMESSAGE', responseCode: 554, command: 'DATA' }, 'refused'],
  ['an address that is none', { code: 'EENVELOPE', command: 'API' }, 'refused'],
  ['greylisted', { code: 'EENVELOPE', responseCode: 450, command: 'RCPT TO' }, 'later'],
  ['message put off', { code: 'EMESSAGE', responseCode: 451, command: 'DATA' }, 'later'],
  ['our sender refused', { code: 'EENVELOPE', responseCode: 553, command: 'MAIL FROM' }, 'away'],
  ['our password refused', { code: 'EAUTH', responseCode: 535, command: 'AUTH PLAIN' }, 'away'],
  ['nobody there', { code: 'ECONNECTION', command: 'CONN' }, 'away'],
  ['cut off', { code: 'ETIMEDOUT', command: 'DATA' }, 'away'],
  ['a certificate refused', { code: 'ESOCKET', command: 'CONN', originalCode: 'CERT_HAS_EXPIRED' }, 'away'],
  ['anything else', {}, 'away'],
])('%s', (_what, fields, result) => {
  const sent = sendResult(fault(fields));
  expect(sent.result).toBe(result);
  expect(JSON.stringify(sent)).not.toContain('example');
});

it.each([
  ['no answer', { code: 'ETIMEDOUT', command: 'CONN' }, 'unknown'],
  ['the connection closed', { code: 'ECONNECTION', command: 'CONN' }, 'unknown'],
  ['refused', { code: 'EMESSAGE', responseCode: 554, command: 'DATA' }, 'refused'],
  ['put off', { code: 'EMESSAGE', responseCode: 451, command: 'DATA' }, 'later'],
  ['the server closes, as it says', { code: 'ECONNECTION', responseCode: 421, command: 'CONN' }, 'away'],
])('after the whole message: %s', (_what, fields, result) =>
  expect(sendResult(fault(fields), true).result).toBe(result),
);

it('derives the Message-ID from the delivery, on the sender’s domain', () => {
  expect(messageIdOf('a', 'Caregate <no-reply@au1.example.com>')).toMatch(/^<[0-9a-f]{40}@au1\.example\.com>$/);
  expect(messageIdOf('a', 'x@y.z')).toBe(messageIdOf('a', 'x@y.z'));
  expect(messageIdOf('a', 'x@y.z')).not.toBe(messageIdOf('b', 'x@y.z'));
});

it.each([
  ['smtp://u:p@mail.example:587', true],
  ['smtp://u:p@mail.example:587?requireTLS=false', true],
  ['smtp://u:p@mail.example:587/?requireTLS=true', false],
  ['smtps://u:p@mail.example', false],
  ['smtp://mail.example:25', false],
])('whether %s gives a password away: %j', (url, gives) => expect(givesPasswordAway(url)).toBe(gives));
