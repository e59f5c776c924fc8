import {
  ACCOUNT_AUDIT_ENTRIES,
  AUDIT_ENTRIES,
  type AuditEntry,
  isObjectIdText,
  lowestEntryId,
  objectId,
} from '@caregate/clinic-model/recount';
import { Command } from 'commander';
import type { Connection, Types } from 'mongoose';
import { once } from 'node:events';
import { CommandFailed } from '../command-failed.ts';
import { withDatabase } from '../with-database.ts';

interface Export {
  readonly account?: string;
  readonly clinic?: string;
  readonly before?: string;
}

/** `caregate audit …`: who did what, to be kept elsewhere before it expires. */
export function auditCommand(): Command {
  const group = new Command('audit')
    .description('The audit of accounts and clinics: who did what')
    .addHelpText('after', '\nThe shard is the one of MONGODB_URI; nothing leaves it but to where you write it.');
  group
    .command('export')
    .description(
      'write entries as JSON lines: of an account and then of each of its clinics, deleted ones too, or of one clinic; each list oldest first',
    )
    .option('--account <subdomain>', 'whose entries, such as good-healthy-times')
    .option('--clinic <id>', 'of this clinic only')
    .option('--before <time>', 'only entries before this moment, such as 2026-01-31')
    .action((options: Export) => exportEntries(options));
  return group;
}

async function exportEntries({ account, clinic, before }: Export): Promise<void> {
  if ((account === undefined) === (clinic === undefined))
    throw new CommandFailed('whose entries? Give either --account or --clinic');
  const older = before === undefined ? {} : { _id: { $lt: lowestEntryId(momentOf(before)) } };
  await withDatabase('MONGODB_URI', async (connection) => {
    const scope = account === undefined ? { clinicIds: [clinicIdOf(clinic)] } : await scopeOf(connection, account);
    let written = 0;
    const write = async (collection: string, filter: object) => {
      for await (const entry of connection.collection<AuditEntry>(collection).find(filter).sort({ _id: 1 })) {
        if (!process.stdout.write(`${JSON.stringify(entry)}\n`)) await once(process.stdout, 'drain');
        written += 1;
      }
    };
    if (scope.accountId !== undefined) await write(ACCOUNT_AUDIT_ENTRIES, { accountId: scope.accountId, ...older });
    for (const clinicId of scope.clinicIds) await write(AUDIT_ENTRIES, { clinicId, ...older });
    process.stderr.write(`audit: ${written} entries of ${scope.clinicIds.length} clinics written\n`);
  });
}

interface Scope {
  readonly accountId?: string;
  readonly clinicIds: readonly Types.ObjectId[];
}

async function scopeOf(connection: Connection, subdomain: string): Promise<Scope> {
  const account = await connection.collection<{ _id: string }>('accounts').findOne({ subdomain });
  if (!account) throw new CommandFailed(`there is no account ${subdomain} on this shard; is MONGODB_URI right?`);
  const accountId = account._id;
  const [there, deleted] = await Promise.all([
    connection.collection('clinics').distinct('_id', { accountId }),
    connection.collection('clinics_deletions').distinct('clinicId', { accountId }),
  ]);
  return { accountId, clinicIds: [...there, ...(deleted as Types.ObjectId[])] }; // ids of clinics, as `there`
}

function clinicIdOf(text = ''): Types.ObjectId {
  if (!isObjectIdText(text)) throw new CommandFailed(`${JSON.stringify(text)} is no clinic id: that is 24 hex digits`);
  return objectId(text);
}

function momentOf(text: string): Date {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime()))
    throw new CommandFailed(
      `${JSON.stringify(text)} is no moment; write it such as 2026-01-31 or 2026-01-31T08:00:00Z`,
    );
  return moment;
}
