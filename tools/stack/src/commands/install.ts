import { installKafka, installMongod, installOldestNode } from '../install/install-all.ts';
import { stopwatch } from '../elapsed.ts';
import { parse } from './arguments.ts';
import { say, type CliCommand } from './command.ts';

export const installCommand: CliCommand = {
  name: 'install',
  summary: 'download mongod, Kafka, Connect, the MongoDB connector and the oldest Node.js into the cache',
  help: `Usage: stack install [--verify]

Downloads what is missing into the cache (CAREGATE_CACHE, default ~/.cache/caregate), which all checkouts share.

  --verify   compare the checksum of every file, and fetch again what is damaged`,
  async run(args) {
    const { values } = parse(args, { verify: { type: 'boolean' } });
    const elapsed = stopwatch();
    const options = { log: say, verify: values.verify ?? false };
    await Promise.all([installMongod(options), installKafka(options), installOldestNode(options)]);
    say(`all is installed (${elapsed()})`);
    return 0;
  },
};
