import { join } from 'node:path';
import { StackError } from '../errors.ts';
import { keep } from './keeper.ts';
import { lastLines } from './log-tail.ts';

/** Runs a program to its end, its output going to a log file; throws with the last lines when it fails. */
export async function runTool(
  command: string,
  args: string[],
  cwd: string,
  logFile = join(cwd, 'tool.log'),
): Promise<void> {
  let kept;
  try {
    kept = await keep({ command, args, cwd, env: definedOnly(process.env), logFile });
  } catch (error) {
    throw new StackError(`${command} cannot be run: ${(error as Error).message}`);
  }
  const { code, signal } = await kept.waitForEnd();
  if (code === 0) return;
  const lines = await lastLines(logFile, 8);
  throw new StackError(
    [`${command} ${args[0] ?? ''} failed (${signal ?? `exit code ${code}`})`, ...lines].join('\n  '),
  );
}

export function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
