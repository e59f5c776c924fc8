import { installOldestNode } from '../install/install-all.ts';
import { parse } from './arguments.ts';
import { say, type CliCommand } from './command.ts';

export const oldestNodeCommand: CliCommand = {
  name: 'oldest-node',
  summary: 'print the path of the oldest Node.js that Caregate runs on',
  help: `Usage: stack oldest-node

Prints the path of the oldest Node.js that Caregate runs on, as package.json names it. It is downloaded into the cache if it is not there.`,
  async run(args) {
    parse(args, {});
    say(await installOldestNode({ log: (line) => void process.stderr.write(`${line}\n`) }));
    return 0;
  },
};
