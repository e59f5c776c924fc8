import type { Daemon } from '../process/daemon.ts';
import type { Server, ServerName } from './server.ts';

export function ownServer(name: ServerName, daemon: Daemon): Server {
  return {
    name,
    external: false,
    get running() {
      return daemon.running;
    },
    get pid() {
      return daemon.pid;
    },
    logFile: daemon.plan.command.logFile,
    start: async () => void (await daemon.start()),
    stop: async () => void (await daemon.stop()),
    kill: () => daemon.kill(),
    lastLines: (count) => daemon.lastLines(count),
  };
}
