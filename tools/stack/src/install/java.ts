import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from '../errors.ts';

export interface Java {
  command: string;
  /** What `java -version` prints: names the exact build. */
  description: string;
}

const oldest = 17;
let found: Promise<Java> | undefined;

/** The Java to run Kafka with: that of JAVA_HOME, else that of the PATH. */
export function findJava(): Promise<Java> {
  found ??= look();
  found.catch(() => (found = undefined));
  return found;
}

async function look(): Promise<Java> {
  const command = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java';
  let description: string;
  try {
    description = (await promisify(execFile)(command, ['-version'])).stderr.trim();
  } catch {
    throw new StackError(
      `Kafka needs Java ${oldest} or newer, and ${command} cannot be run; install it or set JAVA_HOME`,
    );
  }
  const major = javaMajor(description);
  if (major < oldest)
    throw new StackError(`Kafka needs Java ${oldest} or newer, and ${command} is Java ${major}; set JAVA_HOME`);
  return { command, description };
}

/** 17 of `openjdk version "17.0.15" 2025-04-15`; 8 of `java version "1.8.0_412"`. */
export function javaMajor(description: string): number {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(description) ?? [];
  return Number(first === '1' ? second : first) || 0;
}
