import type { Log } from '../log.ts';
import { Daemon, PortTaken, type DaemonPlan } from './daemon.ts';

const attempts = 3;

export interface Started {
  daemon: Daemon;
  /** How long it took, e.g. "1.2 s". */
  took: string;
}

export async function startDaemon(plan: DaemonPlan, log: Log): Promise<Started> {
  const daemon = new Daemon(plan, log);
  return { daemon, took: await daemon.start() };
}

/** Starts it; when somebody was faster and took one of the chosen ports, plans it anew with other ones. */
export async function startOnFreePorts(plan: () => Promise<DaemonPlan>, log: Log): Promise<Started> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startDaemon(await plan(), log);
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === attempts) throw error;
      log(`${error.message.split('\nlast lines')[0]}; trying other ports`);
    }
  }
}
