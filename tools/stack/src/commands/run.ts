import { spawn, spawnSync } from 'node:child_process';
import { StackError } from '../errors.ts';
import { endAllKept } from '../process/keeper.ts';
import { startServers } from '../servers/start-servers.ts';
import { UsageError, type CliCommand } from './command.ts';
import { parse } from './arguments.ts';
import { exitCodeOf, onInterruption } from '../process/interruption.ts';
import { serverNames, type ServerName } from '../servers/server.ts';

export const runCommand: CliCommand = {
  name: 'run',
  summary: 'start the servers, run a command against them, stop them',
  help: `Usage: stack run [--only NAMES] -- COMMAND [ARGUMENT...]

Starts the servers on free ports, runs the command with MONGODB_URI, KAFKA_BROKERS, CONNECT_URL, SMTP_URL and
MAIL_WEB_URL set, stops the servers and exits with the command's exit code.

  --only NAMES   start only these, separated by commas: ${serverNames.join(', ')}`,
  async run(args) {
    const { own, command } = splitAtDashes(args);
    const { values } = parse(own, { only: { type: 'string' } });
    const only = values.only === undefined ? undefined : serverList(values.only);
    const [program, ...rest] = command;
    if (program === undefined) throw new UsageError('No command given; put it after --');

    let whenInterrupted = (signal: NodeJS.Signals): unknown =>
      endAllKept().then(() => process.exit(exitCodeOf(signal)));
    const off = onInterruption((signal) => whenInterrupted(signal));
    // Its own lines go to stderr: stdout belongs to the command.
    const servers = await startServers({ ...(only && { only }), log: (line) => process.stderr.write(`${line}\n`) });
    try {
      const forwardTo = (send: (signal: NodeJS.Signals) => void) => (whenInterrupted = send);
      return await runInForeground(program, rest, { ...process.env, ...servers.env }, forwardTo);
    } finally {
      await servers.stop();
      off();
    }
  },
};

export function splitAtDashes(args: string[]): { own: string[]; command: string[] } {
  const at = args.indexOf('--');
  return at < 0 ? { own: args, command: [] } : { own: args.slice(0, at), command: args.slice(at + 1) };
}

export function serverList(text: string): ServerName[] {
  return text.split(',').map((name) => {
    const found = serverNames.find((each) => each === name.trim());
    if (!found) throw new UsageError(`'${name}' is no server; there are ${serverNames.join(', ')}`);
    return found;
  });
}

function runInForeground(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  forwardTo: (send: (signal: NodeJS.Signals) => void) => void,
): Promise<number> {
  // It has this terminal, so the keeper cannot start it; the kernel is asked to end it with us instead.
  const tied = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
  if (tied && spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore', env }).status !== 0) {
    return Promise.reject(new StackError(`${program} cannot be run: there is no such command`));
  }
  const [first, ...rest] = [...(tied ? ['setpriv', '--pdeathsig', 'KILL', '--'] : []), program, ...args] as [
    string,
    ...string[],
  ];
  const child = spawn(first, rest, { stdio: 'inherit', env });
  forwardTo((signal) => {
    // A Ctrl-C has reached the command through the terminal already.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    child.kill(signal);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new StackError(`${program} cannot be run: ${error.message}`)));
    child.once('exit', (code, signal) => resolve(code ?? exitCodeOf(signal as NodeJS.Signals)));
  });
}
