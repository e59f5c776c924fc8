import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StackError } from '../errors.ts';
import { lastLines } from '../process/log-tail.ts';
import { parse } from './arguments.ts';
import { say, UsageError, type CliCommand } from './command.ts';
import { readUpState } from './up-state.ts';

export const logsCommand: CliCommand = {
  name: 'logs',
  summary: 'show the logs of what up has started',
  help: `Usage: stack logs [-f] [-n LINES] [NAME]

Shows the last lines of all logs, or of one (e.g. kafka, clinic-api-au1). Also after stack down.

  -f, --follow        go on showing what is written, until interrupted
  -n, --lines LINES   how many lines of each log (20)`,
  async run(args) {
    const { values, positionals } = parse(
      args,
      { follow: { type: 'boolean', short: 'f' }, lines: { type: 'string', short: 'n', default: '20' } },
      1,
    );
    const count = Number(values.lines);
    if (!Number.isInteger(count) || count < 0) throw new UsageError(`--lines must be a number, not '${values.lines}'`);
    const logs = await logFiles(positionals[0]);
    const width = Math.max(...logs.map(({ name }) => name.length));
    const show = (name: string) => (line: string) => say(`${name.padEnd(width)} | ${line}`);
    const followed = [];
    for (const { name, file } of logs) {
      const { size } = await stat(file);
      (await lastLines(file, count)).forEach(show(name));
      followed.push(new FollowedFile(file, size, show(name)));
    }
    while (values.follow) {
      for (const each of followed) await each.showNew();
      await pause(200);
    }
    return 0;
  },
};

async function logFiles(wanted: string | undefined): Promise<{ name: string; file: string }[]> {
  const folder = (await readUpState())?.logs;
  const names = folder ? (await readdir(folder).catch(() => [])).map((file) => file.replace(/\.log$/, '')).sort() : [];
  if (!folder || names.length === 0) throw new StackError('there are no logs; start with: stack up');
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new UsageError(`'${wanted}' has no log; there are ${names.join(', ')}`);
  }
  return names
    .filter((name) => wanted === undefined || name === wanted)
    .map((name) => ({ name, file: join(folder, `${name}.log`) }));
}

/** Shows what is added to a file, line by line. */
class FollowedFile {
  private readonly file: string;
  private readonly show: (line: string) => void;
  private offset: number;
  private partial = Buffer.alloc(0);

  constructor(file: string, offset: number, show: (line: string) => void) {
    this.file = file;
    this.offset = offset;
    this.show = show;
  }

  async showNew(): Promise<void> {
    const handle = await open(this.file);
    try {
      const { size } = await handle.stat();
      if (size <= this.offset) return;
      const added = Buffer.alloc(size - this.offset);
      await handle.read(added, 0, added.length, this.offset);
      this.offset = size;
      const all = Buffer.concat([this.partial, added]);
      const end = all.lastIndexOf(0x0a) + 1;
      this.partial = all.subarray(end);
      if (end > 0)
        all
          .toString('utf8', 0, end - 1)
          .split('\n')
          .forEach(this.show);
    } finally {
      await handle.close();
    }
  }
}
