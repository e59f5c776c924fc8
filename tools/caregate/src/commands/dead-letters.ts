import { type DeadLetter, DeadLetters, NoSuchDeadLetter, NothingToReplay } from '@caregate/change-events/dead-letters';
import { Command } from 'commander';
import { CommandFailed } from '../command-failed.ts';
import { shardSettings } from '../settings.ts';

/** `caregate dead-letters …`: events that no reaction could deal with. */
export function deadLettersCommand(): Command {
  const group = new Command('dead-letters')
    .description('Events that could not be reacted to: see why, give them back after a fix, or drop them')
    .addHelpText('after', '\nThe shard is the one of KAFKA_BROKERS and TOPIC_PREFIX (or SHARD_ID).');
  group
    .command('list')
    .description('list all dead letters, oldest first')
    .option('--reaction <name>', 'only of this reaction')
    .option('--json', 'one JSON object a line')
    .action((options: { reaction?: string; json?: boolean }) => list(options));
  group
    .command('show')
    .description('show one dead letter with its reason and stack')
    .argument('<id>', 'as list shows it')
    .option('--content', 'the message itself too: it may hold names and email addresses')
    .action((id: string, options: { content?: boolean }) => show(id, options));
  group
    .command('replay')
    .description('give events back to their reactions, which try them as if new')
    .argument('[ids...]', 'as list shows them')
    .option('--all', 'all dead letters')
    .option('--reaction <name>', 'all of this reaction')
    .action((ids: string[], choice: Choice) => replay(ids, choice));
  group
    .command('drop')
    .description('take events out of the dead letters for good: nobody will react to them')
    .argument('[ids...]', 'as list shows them')
    .option('--all', 'all dead letters')
    .option('--reaction <name>', 'all of this reaction')
    .action((ids: string[], choice: Choice) => drop(ids, choice));
  return group;
}

interface Choice {
  readonly all?: boolean;
  readonly reaction?: string;
}

async function list({ reaction, json }: { reaction?: string; json?: boolean }): Promise<void> {
  const letters = (await deadLetters().list()).filter(
    (letter) => reaction === undefined || letter.reaction === reaction,
  );
  for (const letter of letters) say(json ? JSON.stringify(summary(letter)) : line(letter));
  if (letters.length === 0 && !json) say('There are no dead letters.');
}

async function show(id: string, { content }: { content?: boolean }): Promise<void> {
  const letter = await known(() => deadLetters().show(id));
  const { stack, message } = letter;
  for (const [name, value] of Object.entries(summary(letter))) say(`${name.padEnd(9)} ${value}`);
  say(`\n${stack}`);
  if (content) say(`\n${message.value?.toString() ?? '(empty)'}`);
}

async function replay(ids: readonly string[], choice: Choice): Promise<void> {
  const which = await chosen(ids, choice, ({ unreadable }) => !unreadable);
  const replayed = await known(() => deadLetters().replay(which));
  say(`${replayed.length} given back`);
}

async function drop(ids: readonly string[], choice: Choice): Promise<void> {
  const which = await chosen(ids, choice);
  const dropped = await known(() => deadLetters().drop(which));
  say(`${dropped.length} dropped`);
}

async function chosen(
  ids: readonly string[],
  { all = false, reaction }: Choice,
  amongAll: (letter: DeadLetter) => boolean = () => true,
): Promise<readonly string[]> {
  if (ids.length > 0) {
    if (all || reaction !== undefined) throw new CommandFailed('name ids, or say --all or --reaction, not both');
    return ids;
  }
  if (!all && reaction === undefined)
    throw new CommandFailed('which ones? Name ids, or say --all or --reaction <name>');
  const letters = await deadLetters().list();
  return letters
    .filter((letter) => (reaction === undefined || letter.reaction === reaction) && amongAll(letter))
    .map(({ id }) => id);
}

async function known<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof NoSuchDeadLetter) throw new CommandFailed(`${error.message}; list shows those that there are`);
    if (error instanceof NothingToReplay) throw new CommandFailed(error.message);
    throw error;
  }
}

const deadLetters = () => new DeadLetters(shardSettings());

const summary = ({ id, reaction, reason, attempts, time, message: { topic, partition, offset } }: DeadLetter) => ({
  id,
  reaction: reaction ?? '-',
  time: time.toISOString(),
  attempts,
  origin: `${topic}/${partition}@${offset}`,
  reason,
});

const line = (letter: DeadLetter) => {
  const { id, time, attempts, origin, reason } = summary(letter);
  return `${time}  ${id}  ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}  ${origin}  ${reason}`;
};

/** Anybody who can write to the topic can put commands for terminals into a letter. */
const say = (text: string) => process.stdout.write(`${text.replace(/[^\P{Cc}\n\t]/gu, '\u{FFFD}')}\n`);
