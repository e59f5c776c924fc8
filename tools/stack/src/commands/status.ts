import { parse } from './arguments.ts';
import { say, type CliCommand } from './command.ts';
import { ask } from './control-socket.ts';
import { showAddresses } from './show-addresses.ts';

export const statusCommand: CliCommand = {
  name: 'status',
  summary: 'say what is running, and where',
  help: `Usage: stack status

Exits with 0 when all that up has started is alive, with 1 when something has died or nothing is running.`,
  async run(args) {
    parse(args, {});
    const answer = await ask('status');
    if (!answer) {
      say('it is not running');
      return 1;
    }
    say(`it is ${answer.phase}`);
    const processes = answer.processes.map(({ name, pid, external }): [string, string] => [
      name,
      external ? 'given from outside' : pid === undefined ? 'HAS DIED; see stack logs' : `pid ${pid}`,
    ]);
    if (processes.length > 0) showAddresses(processes);
    if (answer.addresses.length > 0) {
      say('addresses:');
      showAddresses(answer.addresses);
    }
    const allAlive = answer.processes.every(({ pid, external }) => external || pid !== undefined);
    return answer.phase === 'running' && allAlive ? 0 : 1;
  },
};
