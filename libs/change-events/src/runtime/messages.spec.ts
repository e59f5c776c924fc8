import fc from 'fast-check';
import { readDeadLetter, writeDeadLetter } from './dead-letter.ts';
import { Lanes } from './lanes.ts';
import type { RawMessage } from './event-stream.ts';
import { fromRetryMessage, toRetryMessage } from './waiting-message.ts';

const bytes = fc.option(fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array)));
const messages: fc.Arbitrary<RawMessage> = fc.record({
  topic: fc.string({ minLength: 1 }),
  partition: fc.nat(),
  offset: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  key: bytes,
  value: bytes,
  headers: fc.dictionary(fc.stringMatching(/^[a-z-]{1,9}$/), fc.string()).map((headers) => ({ ...headers })),
  time: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
});

it('a message comes out of the retry topic as it went in', () => {
  fc.assert(
    fc.property(messages, fc.option(fc.string({ minLength: 1 }), { nil: undefined }), (message, reaction) => {
      const waitingFor = { id: 'i', lane: 'l', ...(reaction !== undefined && { reaction }) };
      const { key, value, headers } = toRetryMessage(message, waitingFor);
      expect(key).toBe('l');
      // Headers come back from Kafka as texts.
      const waiting = {
        ...message,
        topic: 'retry',
        key: null,
        value: value as Buffer | null,
        headers: headers as Record<string, string>,
      };
      expect(fromRetryMessage(waiting)).toEqual({ message, waitingFor });
    }),
  );
});

it('what is not of the retry topic is not taken for it', () => {
  const foreign: RawMessage = {
    topic: 'retry',
    partition: 0,
    offset: 0n,
    key: null,
    value: null,
    headers: {},
    time: new Date(),
  };
  expect(() => fromRetryMessage(foreign)).toThrow('caregate-topic is missing');
});

it('a dead letter is read as it was written, whatever bytes it holds', () => {
  fc.assert(
    fc.property(messages, (message) => {
      const letter = {
        id: 'i',
        reaction: 'r',
        lane: 'l',
        reason: 'because',
        stack: '',
        attempts: 3,
        time: new Date(0),
        message,
      };
      expect(readDeadLetter(writeDeadLetter(letter))).toEqual(letter);
    }),
  );
});

it('lanes keep their order, also after a failure, and do not wait for each other', async () => {
  const lanes = new Lanes();
  const seen: string[] = [];
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slow = lanes.run('a', () => gate.then(() => seen.push('a1')));
  const failing = lanes.run('a', () => Promise.reject(new Error('a2'))).catch(() => seen.push('a2'));
  const last = lanes.run('a', async () => seen.push('a3'));
  await lanes.run('b', async () => seen.push('b1'));
  expect(seen).toEqual(['b1']);
  release();
  await Promise.all([slow, failing, last]);
  expect([...seen].sort()).toEqual(['a1', 'a2', 'a3', 'b1']);
  expect(seen.indexOf('a1')).toBeLessThan(seen.indexOf('a3'));
  await new Promise(setImmediate);
  expect(lanes.size).toBe(0);
});
