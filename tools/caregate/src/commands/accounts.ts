import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { CommandFailed } from '../command-failed.ts';
import { Directory, directorySettings, type Move } from '../directory.ts';

const LOOK_EVERY_MS = 300;

/** `caregate accounts …`: accounts and their moves between shards. */
export function accountsCommand(): Command {
  const group = new Command('accounts')
    .description('Accounts, where they are, and their moves between shards')
    .addHelpText('after', '\nThe directory is the one of DIRECTORY_URL, asked with OPERATOR_TOKEN.');
  group
    .command('list')
    .description('list accounts by subdomain: on which shard each is, and its state')
    .option('--shard <id>', 'only those on this shard, such as au1')
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--json', 'one JSON object a line')
    .action((options: ListOptions) => list(options));
  group
    .command('move')
    .description('move an account to another shard, and show how far it is until it has moved')
    .argument('<subdomain>', 'of the account, such as good-healthy-times')
    .requiredOption('--to <shard>', 'the shard to move to, such as uk1')
    .option('--detach', 'only start it; the directory carries it on')
    .option('--json', 'the progress as one JSON object a line')
    .action((subdomain: string, options: MoveOptions) => move(subdomain, options));
  group
    .command('moves')
    .description('list the moves of an account, newest first')
    .argument('<subdomain>', 'of the account')
    .option('--json', 'one JSON object a line')
    .action(async (subdomain: string, { json }: { json?: boolean }) => {
      const moves = await directory().moves(subdomain);
      for (const each of moves) say(json ? JSON.stringify(each) : `${each.id}  ${each.startedTime}  ${lineOf(each)}`);
      if (moves.length === 0 && !json) say('This account has never moved.');
    });
  group
    .command('watch-move')
    .description('show how far a move is until the account has moved')
    .argument('<id>', 'as move and moves show it')
    .option('--json', 'the progress as one JSON object a line')
    .action(async (id: string, { json }: { json?: boolean }) => watch(await directory().move(id), json));
  group
    .command('cancel-move')
    .description('give a move up; possible until the account has moved')
    .argument('<id>', 'as move and moves show it')
    .action(async (id: string) => {
      await directory().cancelMove(id);
      say('The move is being given up; the account stays where it is.');
    });
  group
    .command('resume-move')
    .description('make a move that waits for its next attempt go on now')
    .argument('<id>', 'as move and moves show it')
    .action(async (id: string) => say(lineOf(await directory().resumeMove(id))));
  return group;
}

const STATES = ['placing', 'unconfirmed', 'active', 'moving'];

interface ListOptions {
  readonly shard?: string;
  readonly state?: string;
  readonly json?: boolean;
}

async function list({ json, ...which }: ListOptions): Promise<void> {
  let accounts = 0;
  for await (const account of directory().accounts(which)) {
    const { subdomain, shard, state, accountId, urls } = account;
    say(
      json
        ? JSON.stringify(account)
        : [subdomain.padEnd(32), shard, state.padEnd(11), accountId, urls.account].join('  '),
    );
    accounts += 1;
  }
  if (!json) say(`${accounts} ${accounts === 1 ? 'account' : 'accounts'}`);
}

interface MoveOptions {
  readonly to: string;
  readonly detach?: boolean;
  readonly json?: boolean;
}

async function move(subdomain: string, { to, detach, json }: MoveOptions): Promise<void> {
  const started = await directory().startMove(subdomain, to);
  if (detach) return say(json ? JSON.stringify(started) : `${started.id}  ${lineOf(started)}`);
  if (!json) say(`Move ${started.id}. Ctrl-C stops only this display; cancel-move gives the move up.`);
  await watch(started, json);
}

/** Prints a line whenever something is new, until the account has moved or stays. */
async function watch(first: Move, json = false): Promise<void> {
  let said = '';
  for (let current = first; ; current = await directory().move(first.id)) {
    const line = json ? JSON.stringify(current) : lineOf(current);
    if (line !== said) say(line);
    said = line;
    if (current.phase === 'cancelled')
      throw new CommandFailed(`the move was given up${current.fault ? `: ${current.fault}` : ''}`);
    if (['waiting', 'purging', 'done'].includes(current.phase)) return;
    await delay(LOOK_EVERY_MS);
  }
}

const IN_WORDS: Readonly<Record<string, string>> = {
  preparing: 'preparing',
  copying: 'copying while it is in use',
  comparing: 'comparing both sides',
  catchingUp: 'catching up with changes',
  fencing: 'writers wait',
  settling: 'it has moved; late records follow',
  waiting: 'it has moved; what was left behind is kept for the grace time',
  purging: 'it has moved; what was left behind is being deleted',
  done: 'it has moved, and nothing is left behind',
  cancelling: 'being given up',
  cancelled: 'given up',
};

/** A move in one line for people. */
export function lineOf({ from, to, phase, progress, fault }: Move): string {
  const { copied, total, lagMs, secondsLeft, pausedMs } = progress;
  return [
    `${from} → ${to}: ${IN_WORDS[phase] ?? phase}`,
    total > 0 && `${copied} of ${total} documents`,
    lagMs !== undefined && lagMs > 0 && `${lagMs} ms behind`,
    secondsLeft !== undefined && `about ${secondsLeft} s left`,
    pausedMs !== undefined && `writers waited ${pausedMs} ms`,
    fault !== undefined && `held up: ${fault}`,
  ]
    .filter(Boolean)
    .join(', ');
}

const directory = () => new Directory(directorySettings());
const say = (line: string): void => void process.stdout.write(`${line}\n`);
