import { mailboxOf } from './mailbox.ts';

test.each([
  ['Pat@Example.Test', 'pat@example.test'],
  [' pat@example.test ', 'pat@example.test'],
  ['pat+a@example.test', 'pat@example.test'],
  ['pat+a+b@example.test', 'pat@example.test'],
  ['PAT+@example.test', 'pat@example.test'],
  ['+a@example.test', '+a@example.test'],
  ['p.at@example.test', 'p.at@example.test'],
  ['pat@example+a.test', 'pat@example+a.test'],
  ['no address', 'no address'],
])('%j comes to the mailbox %j', (address, mailbox) => {
  expect(mailboxOf(address)).toBe(mailbox);
});
