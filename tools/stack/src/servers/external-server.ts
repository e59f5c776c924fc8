import { StackError } from '../errors.ts';
import type { Server, ServerName } from './server.ts';

/** A server that somebody else runs. */
export function externalServer(name: ServerName, variable: string): Server {
  const refuse = async (): Promise<never> => {
    throw new StackError(`${name} is given by ${variable}; it is not started or stopped from here`);
  };
  return {
    name,
    external: true,
    running: true,
    pid: undefined,
    logFile: undefined,
    start: refuse,
    stop: refuse,
    kill: refuse,
    lastLines: async () => [],
  };
}

/** Says clearly which variable names a server that does not answer. */
export async function checkReachable(
  name: ServerName,
  variable: string,
  address: string,
  probe: () => Promise<boolean>,
): Promise<void> {
  let reason = 'no answer';
  try {
    if (await probe()) return;
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  throw new StackError(
    `${variable} is set to ${withoutPassword(address)}, so no ${name} is started; but it cannot be used: ${reason}`,
  );
}

export function withoutPassword(address: string): string {
  return address.replace(/\/\/([^:@/]*):[^@/]*@/, '//$1:***@');
}

/** "host:port,host:port" as pairs. */
export function hostsAndPorts(list: string, variable: string): { host: string; port: number }[] {
  return list.split(',').map((entry) => {
    const [, host, port] = /^(.+):(\d+)$/.exec(entry.trim()) ?? [];
    if (!host || !port || Number(port) > 65_535) {
      throw new StackError(`${variable} is "${list}", but must be host:port, or several of these separated by commas`);
    }
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
  });
}
