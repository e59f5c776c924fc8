import { Deliveries, type MailDelivery } from '@caregate/mail/deliveries';
import { Command, InvalidArgumentError } from 'commander';
import mongoose from 'mongoose';
import { CommandFailed } from '../command-failed.ts';

/** `caregate mail …`: emails that never reached anybody. */
export function mailCommand(): Command {
  const group = new Command('mail')
    .description('Emails of a shard: which ones were refused for good, and why')
    .addHelpText('after', '\nThe shard is the one of MONGODB_URI.');
  group
    .command('given-up')
    .description('list the emails that the mail server refused for good, newest first; ids only, no addresses')
    .option('--limit <count>', 'at most so many', countOf, 100)
    .option('--json', 'one JSON object a line')
    .action((options: { limit: number; json?: boolean }) => givenUp(options));
  return group;
}

async function givenUp({ limit, json }: { limit: number; json?: boolean }): Promise<void> {
  const connection = await mongoose.createConnection(address(), { serverSelectionTimeoutMS: 5_000 }).asPromise();
  try {
    const refused = await new Deliveries(connection, 0).givenUp(limit);
    for (const delivery of refused) say(json ? JSON.stringify(summary(delivery)) : line(delivery));
    if (refused.length === 0 && !json) say('No email was given up.');
  } finally {
    await connection.close();
  }
}

function summary({ _id, template, userId, clinicId, attempts, reason, endedTime }: MailDelivery) {
  return { id: _id, template, userId, clinicId, attempts, reason, time: endedTime?.toISOString() };
}

function line(delivery: MailDelivery): string {
  const { time = '', template, userId = '-', clinicId = '-', attempts, reason = '' } = summary(delivery);
  return [time, template, `user ${userId}`, `clinic ${clinicId}`, `${attempts} attempts`, reason].join('  ');
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('must be a number from 1');
  return count;
}

function address(): string {
  const uri = process.env['MONGODB_URI'];
  if (!uri) throw new CommandFailed('MONGODB_URI is needed: the shard’s clinic database');
  return uri;
}

const say = (text: string) => process.stdout.write(`${text}\n`);
