/** A command of the stack program. Resolves to the exit code. */
export interface CliCommand {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** Shown by --help. */
  help: string;
  run(args: string[]): Promise<number>;
}

/** Wrong arguments: shown as one line, exit code 2. */
export class UsageError extends Error {}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
