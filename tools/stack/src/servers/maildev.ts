import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { StackError } from '../errors.ts';
import { baseEnvironment } from '../process/base-environment.ts';
import type { DaemonPlan } from '../process/daemon.ts';
import { accepts, answersOk } from '../process/probe.ts';
import { freePort, host } from '../process/ports.ts';
import type { RunFolder } from '../run-folder.ts';

export interface MailPorts {
  smtp?: number | undefined;
  web?: number | undefined;
}

/** Catches mail: SMTP on one port, a web page and a REST API on the other. */
export async function planMaildev(run: RunFolder, preferred: MailPorts = {}): Promise<DaemonPlan> {
  const smtp = await freePort(preferred.smtp);
  const web = await freePort(preferred.web);
  const data = join(run.data, `maildev-${smtp}`);
  await mkdir(data);
  return {
    name: 'maildev',
    ports: [smtp, web],
    command: {
      command: process.execPath,
      args: [
        maildevProgram(),
        ...['--smtp', String(smtp), '--web', String(web), '--ip', host, '--web-ip', host],
        ...['--mail-directory', data],
      ],
      cwd: data,
      env: baseEnvironment(),
      logFile: join(run.logs, 'maildev.log'),
    },
    isReady: async () => (await accepts(host, smtp)) && (await answersOk(`http://${host}:${web}/api/healthz`)),
    withinMs: 30_000,
  };
}

function maildevProgram(): string {
  // Looked up by path: the package exports neither its program nor a way to resolve itself by require.
  const folders = createRequire(import.meta.url).resolve.paths('maildev') ?? [];
  const found = folders.map((folder) => join(folder, 'maildev', 'dist', 'bin', 'maildev.js')).find(existsSync);
  if (!found) throw new StackError('maildev is not installed; run npm install in the workspace, or set SMTP_URL');
  return found;
}
