import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Command } from 'commander';
import { CommandFailed } from '../command-failed.ts';
import { type ApiKey, Directory, directorySettings } from '../directory.ts';
import { type BadLine, type KeyLine, readKeyFile } from '../key-file.ts';
import { importKeys, shardUrl } from '../shard-api.ts';

/** So many keys are sent at once: below what a request may hold, however long they are. */
const AT_ONCE = 500;

const HOW =
  'All ask the directory of DIRECTORY_URL with OPERATOR_TOKEN; for import it gives tokens of a minute for this account, ' +
  'with which the keys go to the shard itself, at SHARD_URL where that is set.';

/** `caregate keys …`: the API keys of accounts. */
export function keysCommand(): Command {
  const group = new Command('keys').description('API keys of accounts').addHelpText('after', `\n${HOW}`);
  group
    .command('list')
    .description('list the API keys of an account, newest first, and whether they work')
    .requiredOption('--account <subdomain>', 'whose keys, such as good-healthy-times')
    .option('--json', 'one JSON object a line')
    .action(({ account, json }: { account: string; json?: boolean }) => listKeys(account, json));
  group
    .command('revoke')
    .description('revoke API keys of an account, also of one whose owner is gone: they are refused from now on')
    .argument('[ids...]', 'as list shows them')
    .requiredOption('--account <subdomain>', 'whose keys they are')
    .option('--all', 'all keys of the account')
    .action((ids: string[], { account, all }: { account: string; all?: boolean }) => revokeKeys(account, ids, all));
  group
    .command('import')
    .description('bring API keys of the time before shards to au1, where they belong; it can be repeated')
    .requiredOption('--account <subdomain>', 'whose keys they are, such as good-healthy-times')
    .requiredOption('--file <file>', 'CSV with the columns key,name, or JSON: [{"key": "…", "name": "…"}]')
    .action(({ account, file }: { account: string; file: string }) => importFile(account, file));
  return group;
}

async function listKeys(subdomain: string, json = false): Promise<void> {
  const keys = await directory().keys(subdomain);
  for (const key of keys) say(json ? JSON.stringify(key) : lineOf(key));
  if (keys.length === 0 && !json) say('This account has no API keys.');
}

async function revokeKeys(subdomain: string, ids: readonly string[], all = false): Promise<void> {
  if (all === ids.length > 0) throw new CommandFailed('which keys? Name their ids, as list shows them, or say --all');
  const revoked = all ? (await directory().keys(subdomain)).filter(hasNoEnd).map(({ id }) => id) : ids;
  for (const id of revoked) await directory().revokeKey(subdomain, id);
  say(`keys: ${revoked.length} revoked`);
}

/** Revoking a key revokes what it has replaced, too. */
const hasNoEnd = ({ revokedTime, expiresTime }: ApiKey) => revokedTime === undefined && expiresTime === undefined;

function lineOf(key: ApiKey): string {
  const { id, name, last4, createdTime, lastUsedTime = 'never' } = key;
  return `${id}  ${stateOf(key).padEnd(8)}  made ${createdTime}, last used ${lastUsedTime}, by ${key.createdBy ?? 'nobody'}  …${last4}  ${name}`;
}

function stateOf({ revokedTime, stoppedTime, expiresTime }: ApiKey): string {
  if (revokedTime) return 'revoked';
  if (stoppedTime) return 'stopped';
  if (expiresTime) return Date.parse(expiresTime) > Date.now() ? 'replaced' : 'expired';
  return 'works';
}

const directory = () => new Directory(directorySettings());
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function importFile(subdomain: string, file: string): Promise<void> {
  const url = shardUrl();
  const { keys, bad } = readKeyFile(await textOf(file), extname(file).toLowerCase() === '.json' ? 'json' : 'csv');
  const done = { imported: 0, present: 0 };
  const refused: BadLine[] = [...bad];
  for (let from = 0; from < keys.length; from += AT_ONCE) {
    const some = keys.slice(from, from + AT_ONCE);
    const { apiUrl, token } = await directory().grantKeyImport(subdomain);
    const result = await importKeys({ url: url ?? apiUrl, token }, subdomain, some.map(withoutLine));
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
