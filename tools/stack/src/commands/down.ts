import { stopwatch } from '../elapsed.ts';
import { poll } from '../poll.ts';
import { StackError } from '../errors.ts';
import { parse } from './arguments.ts';
import { say, type CliCommand } from './command.ts';
import { ask } from './control-socket.ts';

export const downCommand: CliCommand = {
  name: 'down',
  summary: 'stop what up has started',
  help: `Usage: stack down

Stops the apps (they finish what they are doing) and the servers, and removes the servers' data. The logs stay.`,
  async run(args) {
    parse(args, {});
    const status = await ask('status');
    if (!status) {
      say('it is not running');
      return 0;
    }
    const elapsed = stopwatch();
    await ask('stop');
    const gone = await poll(() => !isAlive(status.pid), { withinMs: 10_000 });
    if (!gone) throw new StackError(`process ${status.pid} has not ended`);
    say(`all is stopped (${elapsed()})`);
    return 0;
  },
};

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
