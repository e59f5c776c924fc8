import type { ConnectorDefinition } from './definition.ts';

type Config = Readonly<Record<string, string | null>>;

/**
 * Settings of a connector's Kafka clients that an operator may give it by Connect's REST interface, and that stay: how much at once and how
 * long. All else is put right, above all what says what is sent, where to, in which order and how safely.
 */
const OF_CLIENTS = [
  ...['batch.size', 'linger.ms', 'buffer.memory', 'compression.type', 'compression.zstd.level', 'max.request.size'],
  ...['max.block.ms', 'delivery.timeout.ms', 'request.timeout.ms', 'metadata.max.age.ms', 'connections.max.idle.ms'],
  ...['fetch.min.bytes', 'fetch.max.bytes', 'fetch.max.wait.ms', 'max.partition.fetch.bytes', 'max.poll.records'],
  ...['max.poll.interval.ms', 'session.timeout.ms', 'heartbeat.interval.ms'],
  ...['send.buffer.bytes', 'receive.buffer.bytes'],
  ...['retry.backoff.ms', 'retry.backoff.max.ms', 'reconnect.backoff.ms', 'reconnect.backoff.max.ms'],
] as const;
const OPERATORS = new Set(
  ['producer', 'consumer'].flatMap((client) => OF_CLIENTS.map((setting) => `${client}.override.${setting}`)),
);

/** A setting of ours that Connect ignores and keeps: what we gave the connector last of the settings that an operator may give. */
const APPLIED = 'caregate.applied';

/**
 * The definition with what an operator has given the connector since it was put. By what was put last, an operator's value is told from one of
 * an earlier definition; without a note of that, a value that we define counts as an earlier one.
 */
export function withOperatorSettings(definition: ConnectorDefinition, found: Config = {}): ConnectorDefinition {
  const applied = appliedIn(found[APPLIED]);
  const given = Object.entries(found).filter((entry): entry is [string, string] => {
    const [key, value] = entry;
    if (!OPERATORS.has(key) || typeof value !== 'string') return false;
    return applied ? applied[key] !== value : definition.config[key] === undefined;
  });
  const ours = Object.entries(definition.config).filter(([key]) => OPERATORS.has(key));
  return {
    ...definition,
    config: {
      ...definition.config,
      ...Object.fromEntries(given),
      ...(ours.length > 0 && { [APPLIED]: JSON.stringify(Object.fromEntries(ours)) }),
    },
  };
}

function appliedIn(text: string | null | undefined): Record<string, unknown> | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}
