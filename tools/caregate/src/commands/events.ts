import { EventLog, eventTopics } from '@caregate/change-events/event-log';
import { Command, InvalidArgumentError } from 'commander';
import { CommandFailed } from '../command-failed.ts';
import { shardSettings } from '../settings.ts';

/** `caregate events …`: the change events that the worker reacts to. */
export function eventsCommand(): Command {
  const group = new Command('events')
    .description('Change events as they lie in Kafka: look at them, or have them reacted to once more')
    .addHelpText('after', '\nThe shard is the one of KAFKA_BROKERS and TOPIC_PREFIX (or SHARD_ID).');
  group
    .command('tail')
    .description('show events as they come: time, place, kind and document, without what the document holds')
    .option('--from <time>', 'begin with the events since this time, such as 2026-01-31T08:00:00Z', time)
    .option('--topic <name>', 'only this topic, such as au1.patients')
    .option('--no-follow', 'end at the last event that there is now')
    .action((options: { from?: Date; topic?: string; follow: boolean }) => tail(options));
  group
    .command('replay')
    .description('give all events since a time to all reactions; what has happened does not happen again')
    .requiredOption('--from <time>', 'such as 2026-01-31T08:00:00Z', time)
    .option('--topic <name>', 'only this topic, such as au1.patients')
    .action((options: { from: Date; topic?: string }) => replay(options));
  return group;
}

async function tail({ from, topic, follow }: { from?: Date; topic?: string; follow: boolean }): Promise<void> {
  const { log, topics } = opened(topic);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await log.read(
    topics,
    { follow, stop: stop.signal, ...(from && { from }) },
    ({ topic: name, partition, offset, key, value, time: at }) => {
      process.stdout.write(
        `${at.toISOString()}  ${name}/${partition}@${offset}  ${operationOf(value)}  ${key?.toString() ?? '-'}\n`,
      );
    },
  );
}

async function replay({ from, topic }: { from: Date; topic?: string }): Promise<void> {
  const { log, topics } = opened(topic);
  process.stdout.write(`${await log.replay(topics, from)} given to the reactions\n`);
}

function opened(topic: string | undefined): { log: EventLog; topics: string[] } {
  const settings = shardSettings();
  const known = eventTopics(settings.topicPrefix);
  if (topic !== undefined && !known.includes(topic))
    throw new CommandFailed(`there is no topic ${topic}; there are ${known.join(', ')}`);
  return { log: new EventLog(settings), topics: topic === undefined ? known : [topic] };
}

/** The kind of change; nothing else of the message is shown, for it may hold names and email addresses. */
function operationOf(value: Buffer | null): string {
  return /"operationType"\s*:\s*"([a-z]{1,10})"/.exec(value?.toString() ?? '')?.[1] ?? '?';
}

function time(text: string): Date {
  const parsed = new Date(text);
  if (Number.isNaN(parsed.getTime())) throw new InvalidArgumentError('a time looks like 2026-01-31T08:00:00Z');
  return parsed;
}
