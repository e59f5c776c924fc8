import { CommandFailed } from './command-failed.ts';

/** The servers and the shard that a command works on: the same variables as the apps have. */
export interface ShardSettings {
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
}

/** @throws {CommandFailed} when a variable is missing or cannot be used */
export function shardSettings(env: NodeJS.ProcessEnv = process.env): ShardSettings {
  const brokers = env['KAFKA_BROKERS'];
  if (!brokers) throw new CommandFailed('KAFKA_BROKERS is needed: host:port, several with commas between them');
  if (!/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/.test(brokers))
    throw new CommandFailed('KAFKA_BROKERS must look like host:port,host:port');
  return { brokers: brokers.split(','), topicPrefix: env['TOPIC_PREFIX'] || env['SHARD_ID'] || 'au1' };
}
