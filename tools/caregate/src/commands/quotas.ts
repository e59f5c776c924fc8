import { Command } from 'commander';
import { CommandFailed } from '../command-failed.ts';
import { type AccountQuotas, Directory, directorySettings } from '../directory.ts';

const EXAMPLE = `
Both ask the directory of DIRECTORY_URL with OPERATOR_TOKEN. For example:
  caregate quotas set --account good-healthy-times keys=100 patients=0    # 0: no limit
  caregate quotas set --account good-healthy-times keys=                  # as the shard has set it for all`;

/** `caregate quotas …`: how much of its shard an account may take. */
export function quotasCommand(): Command {
  const group = new Command('quotas').description('how much of its shard an account uses and may use');
  group.addHelpText('after', EXAMPLE);
  group
    .command('show')
    .description('show what an account uses of each quota; patients and storage as they were last measured')
    .requiredOption('--account <subdomain>', 'whose, such as good-healthy-times')
    .option('--json', 'one JSON object')
    .action(async ({ account, json }: Options) => show(await directory().quotas(account), json));
  group
    .command('set')
    .description('give an account quotas of its own; those that are not named stay as they are')
    .argument('<quotas...>', 'name=limit with names as show has them; 0 for no limit, name= for what all have')
    .requiredOption('--account <subdomain>', 'whose, such as good-healthy-times')
    .option('--json', 'one JSON object')
    .addHelpText('after', EXAMPLE)
    .action((changes: string[], { account, json }: Options) => set(account, changes, json));
  return group;
}

interface Options {
  readonly account: string;
  readonly json?: boolean;
}

async function set(subdomain: string, changes: readonly string[], json = false): Promise<void> {
  const wanted = changes.map(changeIn);
  const { quotas: before } = await directory().quotas(subdomain);
  const names = before.map(({ name }) => name);
  const unknown = wanted.find(([name]) => !names.includes(name));
  if (unknown) throw new CommandFailed(`there is no quota ${unknown[0]}; the quotas are ${names.join(', ')}`);
  const kept = before.filter(({ isSet }) => isSet).map(({ name, limit }) => [name, limit] as const);
  const quotas = Object.fromEntries<number | undefined>([...kept, ...wanted]); // of two of a name the later one holds
  show(await directory().setQuotas(subdomain, quotas), json);
}

/** A limit that is undefined is left out of the request, so that the account has what all have. */
function changeIn(text: string): readonly [string, number | undefined] {
  const [, name, limit] = /^(\w+)=(\d*)$/.exec(text) ?? [];
  if (name === undefined)
    throw new CommandFailed(`${JSON.stringify(text)} is no quota; write it as name=limit, such as keys=100`);
  return [name, limit ? Number(limit) : undefined];
}

function show(shown: AccountQuotas, json = false): void {
  if (json) return say(JSON.stringify(shown));
  for (const { name, limit, used = '-', isSet } of shown.quotas) {
    const most = limit === 0 ? 'any number' : String(limit);
    say(`${name.padEnd(20)} ${String(used).padStart(10)} of ${most}${isSet ? ', set for this account' : ''}`);
  }
  say(
    shown.measuredTime === undefined
      ? 'Patients and storage were not measured yet.'
      : `Measured ${shown.measuredTime}.`,
  );
}

const directory = () => new Directory(directorySettings());
const say = (line: string): void => void process.stdout.write(`${line}\n`);
