import { messageOf, StackError } from './errors.ts';
import { say, UsageError, type CliCommand } from './commands/command.ts';
import { backgroundCommand } from './commands/background.ts';
import { downCommand } from './commands/down.ts';
import { installCommand } from './commands/install.ts';
import { logsCommand } from './commands/logs.ts';
import { oldestNodeCommand } from './commands/oldest-node.ts';
import { runCommand } from './commands/run.ts';
import { statusCommand } from './commands/status.ts';
import { upCommand } from './commands/up.ts';

const commands: CliCommand[] = [
  installCommand,
  oldestNodeCommand,
  runCommand,
  upCommand,
  downCommand,
  logsCommand,
  statusCommand,
];

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]: string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    say(overview());
    return 0;
  }
  const command = [...commands, backgroundCommand].find((each) => each.name === name);
  try {
    if (!command) throw new UsageError(name === undefined ? 'No command given' : `'${name}' is no command`);
    if (asksForHelp(args)) {
      say(command.help);
      return 0;
    }
    return await command.run(args);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`stack: ${error.message} (see: stack ${command ? `${command.name} ` : ''}--help)\n`);
      return 2;
    }
    process.stderr.write(
      `stack: ${error instanceof StackError ? error.message : ((error as Error).stack ?? messageOf(error))}\n`,
    );
    return 1;
  }
}

function asksForHelp(args: string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === '--help' || arg === '-h');
}

function overview(): string {
  const width = Math.max(...commands.map((each) => each.name.length));
  return [
    'Usage: stack COMMAND [OPTION...]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'stack COMMAND --help tells more.',
  ].join('\n');
}
