import { type KafkaAddress, kafkaAddress, WrongKafkaAddress } from '@caregate/change-events/kafka-address';
import { CommandFailed } from './command-failed.ts';

/** The servers and the shard that a command works on: the same variables as the apps have. */
export interface ShardSettings extends KafkaAddress {
  readonly topicPrefix: string;
}

/** @throws {CommandFailed} when a variable is missing or cannot be used */
export function shardSettings(env: NodeJS.ProcessEnv = process.env): ShardSettings {
  const brokers = env['KAFKA_BROKERS'];
  if (!brokers) throw new CommandFailed('KAFKA_BROKERS is needed: host:port, several with commas between them');
  const address = addressIn(brokers);
  const topicPrefix = env['TOPIC_PREFIX'] || env['SHARD_ID'];
  if (!topicPrefix)
    throw new CommandFailed('SHARD_ID is needed: the shard that this is about, such as au1 (or TOPIC_PREFIX)');
  return { ...address, topicPrefix };
}

function addressIn(brokers: string): KafkaAddress {
  try {
    return kafkaAddress(brokers);
  } catch (error) {
    if (error instanceof WrongKafkaAddress) throw new CommandFailed(`KAFKA_BROKERS ${error.message}`);
    throw error;
  }
}

/** A setting that a command cannot do without. @throws {CommandFailed} when it is missing; `what` says what it should be */
export function setting(name: string, what: string): string {
  const value = process.env[name];
  if (!value) throw new CommandFailed(`${name} is needed: ${what}`);
  return value;
}
