import { parse } from './arguments.ts';
import { UsageError } from './command.ts';
import { serverList, splitAtDashes } from './run.ts';

test('what follows -- is the command, with its own dashes', () => {
  expect(splitAtDashes(['--only', 'mongod', '--', 'ls', '--', '-l'])).toEqual({
    own: ['--only', 'mongod'],
    command: ['ls', '--', '-l'],
  });
  expect(splitAtDashes(['ls'])).toEqual({ own: ['ls'], command: [] });
});

test('reads a list of servers', () => {
  expect(serverList('mongod, kafka')).toEqual(['mongod', 'kafka']);
  expect(() => serverList('mongo')).toThrow(
    new UsageError("'mongo' is no server; there are mongod, kafka, connect, maildev"),
  );
});

test('refuses unknown options and additional arguments in one line', () => {
  expect(() => parse(['--nope'], {})).toThrow(new UsageError("Unknown option '--nope'"));
  expect(() => parse(['one'], {})).toThrow(new UsageError("Unexpected argument 'one'"));
});
