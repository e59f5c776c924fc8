import { formsOf } from './forms.ts';

const VALUE = 'zq.person@planted.test';

test.each([
  ['plain', `x${VALUE}y`],
  ['in capitals', VALUE.toUpperCase()],
  ['in an address', `?q=${encodeURIComponent(VALUE)}`],
  ['in hex', Buffer.from(`--${VALUE}--`).toString('hex')],
  ['in base64, at the beginning', Buffer.from(`${VALUE}, and more`).toString('base64')],
  ['in base64, behind one byte', Buffer.from(`-${VALUE}, and more`).toString('base64')],
  ['in base64, behind two', Buffer.from(`--${VALUE}`).toString('base64')],
  ['in base64 for addresses', Buffer.from(`---${VALUE}`).toString('base64url')],
])('a value is found %s', (_how, text) => {
  const hits = formsOf(VALUE).filter(({ form, caseMatters }) =>
    (caseMatters ? text : text.toLowerCase()).includes(form),
  );
  expect(hits).not.toEqual([]);
});

test('nothing else is', () => {
  const text = Buffer.from('somebody@else.test').toString('base64');
  expect(formsOf(VALUE).filter(({ form }) => text.includes(form) || 'somebody@else.test'.includes(form))).toEqual([]);
});
