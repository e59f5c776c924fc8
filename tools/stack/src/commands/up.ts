import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { stopwatch } from '../elapsed.ts';
import { StackError } from '../errors.ts';
import { stackPackage, stateFolder } from '../places.ts';
import { makePrivate } from '../run-folder.ts';
import { poll } from '../poll.ts';
import { parse } from './arguments.ts';
import type { Progress } from './background.ts';
import { say, type CliCommand } from './command.ts';
import { ask } from './control-socket.ts';
import { showAddresses } from './show-addresses.ts';
import { upLog } from './up-state.ts';

export const upCommand: CliCommand = {
  name: 'up',
  summary: 'start the servers and all apps for au1 and uk1, and leave them running in the background',
  help: `Usage: stack up

Starts the servers and the apps of the shards au1 and uk1, prints their addresses, and leaves them running.
The apps must be built. Well-known ports are taken where they are free, other ones where they are not.`,
  async run(args) {
    parse(args, {});
    if (await ask('status')) return alreadyThere();
    const elapsed = stopwatch();
    const outcome = await startInBackground();
    if (outcome.type === 'other') return alreadyThere();
    if (outcome.type === 'failed') throw new StackError(outcome.reason);
    say(`all is up after ${elapsed()}; stack down stops it`);
    showAddresses(outcome.addresses);
    return 0;
  },
};

async function alreadyThere(): Promise<number> {
  let answer = await ask('status');
  if (answer?.phase === 'starting') {
    say('it is being started already, waiting');
    await poll(async () => (answer = await ask('status'))?.phase !== 'starting', { everyMs: 200, withinMs: 300_000 });
  }
  if (answer?.phase !== 'running') throw new StackError(`what was started already has ended; see ${upLog}`);
  say('it is running already');
  showAddresses(answer.addresses);
  return 0;
}

async function startInBackground(): Promise<Exclude<Progress, { type: 'line' }>> {
  await makePrivate(stateFolder);
  const log = openSync(upLog, 'w', 0o600);
  const child = spawn(process.execPath, [join(stackPackage, 'src', 'main.ts'), 'background'], {
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  return new Promise((resolve, reject) => {
    child.on('message', (progress: Progress) => {
      if (progress.type === 'line') return say(progress.line);
      child.disconnect();
      child.unref();
      resolve(progress);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new StackError(`it ended with exit code ${code}; see ${upLog}`)));
  });
}
