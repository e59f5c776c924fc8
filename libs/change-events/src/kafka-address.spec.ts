import { z } from 'zod';
import { givesPasswordAway, kafkaAddress, serversOf, WrongKafkaAddress } from './kafka-address.ts';
import { streamSettings } from './settings.ts';

const sasl = (mechanism: string, password = 'secret') => ({ mechanism, username: 'worker', password });

test.each([
  ['a:9092', { brokers: ['a:9092'] }],
  ['a:9092,b.example:9093', { brokers: ['a:9092', 'b.example:9093'] }],
  ['kafka://a:9092', { brokers: ['a:9092'] }],
  ['kafkas://a:9093,b:9093', { brokers: ['a:9093', 'b:9093'], ssl: true }],
  ['kafkas://a:9093/', { brokers: ['a:9093'], ssl: true }],
  ['kafkas://worker:secret@a:9093', { brokers: ['a:9093'], ssl: true, sasl: sasl('scram-sha-512') }],
  ['kafka://worker:secret@a:9092,b:9092', { brokers: ['a:9092', 'b:9092'], sasl: sasl('scram-sha-512') }],
  ['kafkas://worker:secret@a:1?mechanism=plain', { brokers: ['a:1'], ssl: true, sasl: sasl('plain') }],
  ['kafkas://worker:secret@a:1/?mechanism=scram-sha-256', { brokers: ['a:1'], ssl: true, sasl: sasl('scram-sha-256') }],
  ['kafkas://worker:p%40ss%3A%2F%25:x@a:1', { brokers: ['a:1'], ssl: true, sasl: sasl('scram-sha-512', 'p@ss:/%:x') }],
])('%s is read', (text, address) => {
  expect(kafkaAddress(text)).toEqual(address);
  expect(serversOf({ ...kafkaAddress(text), topicPrefix: 'au1' } as ReturnType<typeof kafkaAddress>)).toEqual(address);
});

test.each([
  ['', /host:port/],
  ['a', /host:port/],
  ['a:9092,', /host:port/],
  ['a:70000', /host:port/],
  ['worker:secret@a:9092', /host:port/],
  ['kafka://', /host:port/],
  ['kafkas://worker:secret@', /host:port/],
  ['kafkas://worker:secret@a', /host:port/],
  ['https://worker:secret@a:1', /must look like kafkas:/],
  ['kafkas://worker:sec@ret@a:1', /percent-encoded/],
  ['kafkas://worker:secret#@a:1', /percent-encoded/],
  ['kafkas://worker:secret@a:1/topic', /must look like kafkas:/],
  ['kafkas://worker@a:1', /both a user and a password/],
  ['kafkas://worker:@a:1', /both a user and a password/],
  ['kafkas://:secret@a:1', /both a user and a password/],
  ['kafkas://@a:1', /both a user and a password/],
  ['kafkas://worker:secret%zz@a:1', /%25/],
  ['kafkas://worker:secret@a:1?mechanism=secret', /plain, scram-sha-256, scram-sha-512/],
  ['kafkas://worker:secret@a:1?mechanism=plain&mechanism=plain', /one option only/],
  ['kafkas://worker:secret@a:1?password=secret', /one option only/],
  ['kafkas://a:1?mechanism=plain', /no user and password/],
])('%s is refused, and not repeated', (text, reason) => {
  const read = () => kafkaAddress(text);
  expect(read).toThrow(WrongKafkaAddress);
  expect(read).toThrow(reason);
  expect(read).not.toThrow(/secret|worker/);
  const { error } = z.object(streamSettings).safeParse({ KAFKA_BROKERS: text });
  expect(error?.issues).toEqual([
    expect.objectContaining({ path: ['KAFKA_BROKERS'], message: expect.stringMatching(reason) }),
  ]);
});

test('a password gives cause to warn only where it is not encrypted', () => {
  expect(givesPasswordAway(kafkaAddress('kafka://u:p@a:1'))).toBe(true);
  expect(givesPasswordAway(kafkaAddress('kafkas://u:p@a:1'))).toBe(false);
  expect(givesPasswordAway(kafkaAddress('a:1'))).toBe(false);
});
