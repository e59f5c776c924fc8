import type { SASLOptions } from 'kafkajs';

/** Where Kafka is and how to speak to it; goes into kafkajs's settings as it is. Without `ssl` it is spoken to plainly. */
export interface KafkaAddress {
  readonly brokers: readonly string[];
  readonly ssl?: true;
  readonly sasl?: SASLOptions;
}

/** The text is not the address of a Kafka. The message says what it must be, and repeats nothing of it: there may be a password in it. */
export class WrongKafkaAddress extends Error {
  override readonly name = 'WrongKafkaAddress';
}

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const HOSTS = /^[^\s,:/?#@[\]]+:\d+(,[^\s,:/?#@[\]]+:\d+)*$/;
const URI = /^(kafkas?):\/\/(?:([^@/?#]*)@)?([^@/?#]*)\/?(?:\?([^#]*))?$/;

/**
 * Reads `host:port,host:port`, or `kafka://` and `kafkas://` (TLS) with `[user:password@]host:port[,host:port…][?mechanism=…]`. User and password are
 * percent-encoded and mean SASL; the mechanism is scram-sha-512 unless it is given.
 * @throws {WrongKafkaAddress}
 */
export function kafkaAddress(text: string): KafkaAddress {
  if (!/^[a-z]+:\/\//i.test(text)) return { brokers: brokersIn(text) };
  const [, scheme, userInfo, hosts = '', query = ''] = URI.exec(text) ?? [];
  if (!scheme)
    throw new WrongKafkaAddress(
      'must look like kafkas://user:password@host:port,host:port, with "@", "/", "?" and "#" in user and password percent-encoded',
    );
  const mechanism = mechanismIn(query);
  if (userInfo === undefined && mechanism) throw new WrongKafkaAddress('has a mechanism, but no user and password');
  return {
    brokers: brokersIn(hosts),
    ...(scheme === 'kafkas' && { ssl: true }),
    ...(userInfo !== undefined && { sasl: { mechanism: mechanism ?? 'scram-sha-512', ...credentialsIn(userInfo) } }),
  };
}

/** Whether a password, or what proves that one knows it, goes over the network for all to read: worth a warning. */
export const givesPasswordAway = ({ ssl, sasl }: KafkaAddress): boolean => sasl !== undefined && !ssl;

/** The part of kafkajs's settings that an address decides, of something that has more. */
export const serversOf = ({ brokers, ssl, sasl }: KafkaAddress) => ({
  brokers: [...brokers],
  ...(ssl && { ssl }),
  ...(sasl && { sasl }),
});

function brokersIn(text: string): string[] {
  const brokers = text.split(',');
  const inRange = (broker: string) => Number(broker.slice(broker.indexOf(':') + 1)) <= 65_535;
  if (HOSTS.test(text) && brokers.every(inRange)) return brokers;
  throw new WrongKafkaAddress('must look like host:port,host:port or kafkas://user:password@host:port,host:port');
}

function credentialsIn(userInfo: string): { username: string; password: string } {
  const colon = userInfo.indexOf(':');
  if (colon < 1 || colon === userInfo.length - 1)
    throw new WrongKafkaAddress('must have both a user and a password before the "@", as user:password');
  return { username: decoded(userInfo.slice(0, colon)), password: decoded(userInfo.slice(colon + 1)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new WrongKafkaAddress('has a user or password that is not percent-encoded rightly; "%" itself is %25');
  }
}

function mechanismIn(query: string): (typeof MECHANISMS)[number] | undefined {
  const options = new URLSearchParams(query);
  if ([...options.keys()].some((key) => key !== 'mechanism') || options.getAll('mechanism').length > 1)
    throw new WrongKafkaAddress('may have one option only, mechanism');
  const given = options.get('mechanism');
  if (given === null) return undefined;
  const known = MECHANISMS.find((mechanism) => mechanism === given);
  if (!known) throw new WrongKafkaAddress(`must have one of these as its mechanism: ${MECHANISMS.join(', ')}`);
  return known;
}
