import { EventLog, eventTopics } from '@caregate/change-events/event-log';
import { beginningOfSources, closeGaps, type EventGap, openGaps } from '@caregate/change-events/read-positions';
import { topicsOf } from '@caregate/change-events/topics';
import { writtenUserEvents } from '@caregate/change-events/user-events-source';
import { copiedEvents, workerTopics } from '@caregate/change-events/worker-sources';
import { Command, InvalidArgumentError } from 'commander';
import type { Connection } from 'mongoose';
import { CommandFailed } from '../command-failed.ts';
import { shardSettings } from '../settings.ts';
import { withDatabase } from '../with-database.ts';
import { planReplay } from './replay.ts';

/** `caregate events …`: the change events that the worker reacts to. */
export function eventsCommand(): Command {
  const group = new Command('events')
    .description('Change events: look at those in Kafka, have them reacted to once more, and repair what was missed')
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
    .description('give the events between two times to all reactions; what has happened does not happen again')
    .requiredOption('--from <time>', 'changes that were committed then or later, such as 2026-01-31T08:00:00Z', time)
    .option('--to <time>', 'changes that were committed then or earlier; up to now unless given', time)
    .option('--topic <name>', 'only this topic, such as au1.patients')
    .option('--dry-run', 'only say how many events that are, and what the processed-event store knows of them')
    .addHelpText(
      'after',
      `
MONGODB_URI is the clinic database of the shard: its processed-event store says what has happened, and its restores which time is undone.
Events of a time that a restore has undone are left out. After a restore, emails about what the worker had dealt with before are not sent again.`,
    )
    .action((options: { from: Date; to?: Date; topic?: string; dryRun?: true }) => replay(options));
  group
    .command('gaps')
    .description('list events that are gone from Kafka and that nobody has read, oldest first')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', NEEDS_DATABASE)
    .action(({ json = false }: { json?: boolean }) =>
      withDatabase('MONGODB_URI', (connection) => listGaps(connection, json)),
    );
  group
    .command('repair')
    .description(
      'do what is due of events that were missed: what has changed since, and what happened to users, is read from the database and given to all reactions; nothing is told twice',
    )
    .option('--since <time>', 'such as 2026-01-31T08:00:00Z; since the oldest gap unless given', time)
    .option('--dry-run', 'only count what would be given, by topic')
    .addHelpText(
      'after',
      `${NEEDS_DATABASE}
It reaches back 28 days: for as long it is known what was reacted to. What is given is closed as a gap. The worker must run for it to be done.
Where a user platform keeps the users (IDENTITY=http), have it publish the deletions of that time again.`,
    )
    .action(({ since, dryRun = false }: { since?: Date; dryRun?: boolean }) =>
      withDatabase('MONGODB_URI', (connection) => repair(connection, since, dryRun)),
    );
  return group;
}

const NEEDS_DATABASE = '\nMONGODB_URI is needed too: the shard’s clinic database.';

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

async function replay({
  from,
  to = new Date(),
  topic,
  dryRun = false,
}: {
  from: Date;
  to?: Date;
  topic?: string;
  dryRun?: boolean;
}): Promise<void> {
  if (to < from) throw new CommandFailed('--to is earlier than --from');
  const { log, topics } = opened(topic);
  await withDatabase('MONGODB_URI', async (connection) => {
    const plan = await planReplay({ log, topics, connection }, { from, to });
    for (const [name, { done, dead, open, none }] of Object.entries(plan.topics))
      say(`${name}: ${done} reacted to, ${dead} given up, ${open} under way, ${none} without a reaction so far`);
    if (plan.undone > 0) say(`${plan.undone} left out: a restore has undone their time`);
    if (plan.unreadable > 0) say(`${plan.unreadable} left out: they are no events`);
    if (!dryRun) await log.give(plan.messages);
    say(`${plan.messages.length} ${dryRun ? 'would be given' : 'given'} to the reactions`);
  });
}

async function listGaps(connection: Connection, json: boolean): Promise<void> {
  const gaps = await openGaps(connection);
  for (const gap of gaps) say(json ? JSON.stringify(gap) : line(gap));
  if (gaps.length === 0 && !json) say('There are no gaps.');
}

/** It is known for 30 days what was reacted to, and for 28 what happened to users. */
const REACHES_BACK_MS = 28 * 86_400_000;
/** A document may say an earlier time than that of its commit, and clocks differ. */
const WRITTEN_WITHIN_MS = 180_000;

async function repair(connection: Connection, from: Date | undefined, dryRun: boolean): Promise<void> {
  const settings = shardSettings();
  const began = new Date();
  const gaps = await openGaps(connection);
  const oldest = from ?? gaps[0]?.since;
  if (!oldest) {
    say('There are no gaps. With --since, what is due since a time is looked for all the same.');
    return;
  }
  const earliest = began.getTime() - REACHES_BACK_MS;
  const since = new Date(Math.max(oldest.getTime() - WRITTEN_WITHIN_MS, earliest));
  if (oldest.getTime() < earliest) say(`what is older than ${since.toISOString()} is left out`);
  const { topicPrefix } = settings;
  const counts = new Map<string, number>();
  const events = counted(missedSince(connection, topicPrefix, since, began), counts);
  if (dryRun) for await (const _each of events);
  else await new EventLog(settings).give(events);
  for (const topic of [topicsOf(topicPrefix).userEvents, ...workerTopics.map((name) => topicsOf(topicPrefix)[name])])
    say(`${topic}: ${counts.get(topic) ?? 0}`);
  if (dryRun) {
    say(`since ${since.toISOString()}; nothing was given to the reactions`);
    return;
  }
  const closed = await closeGaps(connection, { since: from ?? new Date(0), until: began });
  say(`given to the reactions, since ${since.toISOString()}; ${closed} ${closed === 1 ? 'gap' : 'gaps'} closed`);
}

type Events = AsyncGenerator<Parameters<Parameters<EventLog['read']>[2]>[0]>;

/** Users first: what is deleted is not told of. */
async function* missedSince(connection: Connection, prefix: string, since: Date, until: Date): Events {
  yield* writtenUserEvents({ connection, topic: topicsOf(prefix).userEvents, since, until });
  const begun = await beginningOfSources(connection);
  if (!begun) return; // no source has begun, so nothing is news
  for (const topic of workerTopics)
    yield* copiedEvents({ connection, prefix, topic, since: begun > since ? begun : since, time: until });
}

async function* counted(events: Events, counts: Map<string, number>): Events {
  for await (const event of events) {
    counts.set(event.topic, (counts.get(event.topic) ?? 0) + 1);
    yield event;
  }
}

const line = ({ topic, partition, cause, messages, since, foundTime }: EventGap) =>
  `${foundTime.toISOString()}  ${topic}/${partition}  ${cause}  ${messages ?? '?'} messages  since ${since.toISOString()}`;

const say = (text: string) => process.stdout.write(`${text}\n`);

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
