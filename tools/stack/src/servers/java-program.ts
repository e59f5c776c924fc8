import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** For one short-lived node on few cores: the cheapest collector and the quick compiler only. */
const jvmFlags = ['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8'];

export interface JavaProgram {
  classpath: string[];
  mainClass: string;
  args: string[];
  /** Flags of this run, e.g. for the class archive. */
  flags?: string[];
}

/**
 * Arguments for java. They are put into a file, which java reads: with a hundred jars the command line would fill
 * the screen wherever processes are listed.
 */
export async function javaArguments(program: JavaProgram, argumentFile: string): Promise<string[]> {
  const { classpath, mainClass, args, flags = [] } = program;
  const quoted = [...jvmFlags, ...flags, '-cp', classpath.join(':')].map(
    (arg) => `"${arg.replaceAll('\\', '\\\\')}"\n`,
  );
  await writeFile(argumentFile, quoted.join(''));
  return [`@${argumentFile}`, mainClass, ...args];
}

export async function jarsIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jar'));
  return names.sort().map((name) => join(folder, name));
}
