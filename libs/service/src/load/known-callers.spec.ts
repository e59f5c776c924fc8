import { KnownCallers } from './known-callers.ts';

const session = (token: string) => ({ 'x-tidepool-session-token': token });

test('tells whose a credential is, once it was found good', () => {
  const callers = new KnownCallers();
  expect(callers.of(session('a'))).toBeUndefined();
  callers.note(session('a'), 'user');
  callers.note({ authorization: 'Basic a' }, 'account');
  callers.note({}, 'nobody');
  expect([session('a'), { authorization: 'Basic a' }, {}].map((each) => callers.of(each))).toEqual([
    'user',
    'account',
    undefined,
  ]);
});

test('remembers ten thousand at most, and nothing that is too long for a credential', () => {
  const callers = new KnownCallers();
  const long = session('x'.repeat(5_000));
  callers.note(long, 'user');
  for (let i = 0; i <= 10_000; i++) callers.note(session(`token ${i}`), `user ${i}`);
  expect(
    [long, session('token 0'), session('token 1'), session('token 10000')].map((each) => callers.of(each)),
  ).toEqual([undefined, undefined, 'user 1', 'user 10000']);
});
