import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { StackError } from '../errors.ts';

export const host = '127.0.0.1';

const handedOut = new Set<number>();

/**
 * A port on which nobody listens, never handed out twice by this program.
 * Taken from below the range of outgoing connections: from within it, a client that calls a stopped server again
 * and again can be given the server's own port, talk to itself, and keep the server from starting again.
 * The preferred port is taken when it is free.
 */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await reserve(preferred))) return preferred;
  const { from, to } = portRange();
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = from + Math.floor(Math.random() * (to - from));
    if (await reserve(port)) return port;
  }
  throw new StackError(`no free port found between ${from} and ${to}`);
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

async function reserve(port: number): Promise<boolean> {
  if (handedOut.has(port)) return false;
  handedOut.add(port);
  if (await isFree(port)) return true;
  handedOut.delete(port);
  return false;
}

function portRange(): { from: number; to: number } {
  return rangeBelow(firstOutgoingPort());
}

/** Ports to choose from, given the first port of outgoing connections. */
export function rangeBelow(firstOutgoing: number): { from: number; to: number } {
  const from = 15_000;
  return firstOutgoing - from >= 2_000 ? { from, to: firstOutgoing } : { from: 15_000, to: 32_768 };
}

function firstOutgoingPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
  } catch {
    return 32_768;
  }
}
