import { Command, CommanderError } from 'commander';
import { accountsCommand } from './commands/accounts.ts';
import { auditCommand } from './commands/audit.ts';
import { backupCommand, restoreCommand } from './commands/backup.ts';
import { countsCommand } from './commands/counts.ts';
import { deadLettersCommand } from './commands/dead-letters.ts';
import { directoryKeyCommand } from './commands/directory-key.ts';
import { eventsCommand } from './commands/events.ts';
import { keysCommand } from './commands/keys.ts';
import { mailCommand } from './commands/mail.ts';
import { mailPreviewCommand } from './commands/mail-preview.ts';
import { quotasCommand } from './commands/quotas.ts';
import { CommandFailed } from './command-failed.ts';

/** Runs one command; gives the exit code: 0 done, 1 failed, 2 not understood. */
export async function caregate(args: readonly string[]): Promise<number> {
  const program = new Command('caregate')
    .description('Commands for operators of a shard')
    .option('--version', 'print the version')
    .addCommand(accountsCommand())
    .addCommand(auditCommand())
    .addCommand(backupCommand())
    .addCommand(countsCommand())
    .addCommand(deadLettersCommand())
    .addCommand(directoryKeyCommand())
    .addCommand(eventsCommand())
    .addCommand(keysCommand())
    .addCommand(mailCommand())
    .addCommand(mailPreviewCommand())
    .addCommand(quotasCommand())
    .addCommand(restoreCommand())
    .exitOverride()
    .showHelpAfterError('(see --help)');
  for (const command of withSubcommands(program)) command.exitOverride().showHelpAfterError('(see --help)');
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it has said already what is wrong
    process.stderr.write(`caregate: ${reasonOf(error)}\n`);
    return 1;
  }
}

function withSubcommands(command: Command): Command[] {
  return command.commands.flatMap((each) => [each, ...withSubcommands(each as Command)]);
}

function reasonOf(error: unknown): string {
  if (error instanceof CommandFailed) return error.message;
  if (!(error instanceof Error)) return String(error);
  if (error.name.startsWith('KafkaJS'))
    return `Kafka does not answer as it should (${error.message}); is KAFKA_BROKERS right?`;
  return error.message;
}
