import type { Log } from '../log.ts';
import { Daemon, PortTaken, type DaemonPlan } from './daemon.ts';

const attempts = 3;

/** Starts it; when somebody was faster and took one of the chosen ports, plans it anew with other ones. */
export async function startOnFreePorts(
  plan: () => Promise<DaemonPlan>,
  log: Log,
): Promise<{ daemon: Daemon; took: string }> {
  for (let attempt = 1; ; attempt++) {
    const daemon = new Daemon(await plan(), log);
    try {
      return { daemon, took: await daemon.start() };
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === attempts) throw error;
      log(`${error.message.split('\nlast lines')[0]}; trying other ports`);
    }
  }
}
