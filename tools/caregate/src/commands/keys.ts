import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Command } from 'commander';
import { CommandFailed } from '../command-failed.ts';
import { type BadLine, type KeyLine, readKeyFile } from '../key-file.ts';
import { ShardApi, shardApiSettings } from '../shard-api.ts';

/** So many keys are sent at once: below what a request may hold, however long they are. */
const AT_ONCE = 500;

/** `caregate keys …`: the API keys of accounts. */
export function keysCommand(): Command {
  const group = new Command('keys')
    .description('API keys of accounts')
    .addHelpText('after', '\nThe shard is the one of SHARD_URL, asked with PROVISIONING_SECRET.');
  group
    .command('import')
    .description('bring API keys of the time before shards to au1, where they belong; it can be repeated')
    .requiredOption('--account <subdomain>', 'whose keys they are, such as good-healthy-times')
    .requiredOption('--file <file>', 'CSV with the columns key,name, or JSON: [{"key": "…", "name": "…"}]')
    .action(({ account, file }: { account: string; file: string }) => importKeys(account, file));
  return group;
}

async function importKeys(subdomain: string, file: string): Promise<void> {
  const shard = new ShardApi(shardApiSettings());
  const { keys, bad } = readKeyFile(await textOf(file), extname(file).toLowerCase() === '.json' ? 'json' : 'csv');
  const done = { imported: 0, present: 0 };
  const refused: BadLine[] = [...bad];
  for (let from = 0; from < keys.length; from += AT_ONCE) {
    const some = keys.slice(from, from + AT_ONCE);
    const result = await shard.importKeys(subdomain, some.map(withoutLine));
    done.imported += result.imported;
    done.present += result.present;
    for (const { index, reason } of result.refused) refused.push({ line: some[index]?.line ?? 0, reason });
  }
  for (const { line, reason } of refused.toSorted((a, b) => a.line - b.line))
    process.stderr.write(`${file}:${line}: ${reason}\n`);
  process.stdout.write(`keys: ${done.imported} imported, ${done.present} there already, ${refused.length} refused\n`);
  if (refused.length > 0)
    throw new CommandFailed('not all keys were imported; mend those lines and import the file again');
}

const withoutLine = ({ key, name }: KeyLine) => ({ key, ...(name !== undefined && { name }) });

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
    throw new CommandFailed(`${file} cannot be read: ${code}`);
  }
}
