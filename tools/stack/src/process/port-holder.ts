import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

const listening = '0A';

/** Who listens on the port, e.g. "node server.js (pid 4711)"; undefined when that cannot be found out. Linux only. */
export async function portHolder(port: number): Promise<string | undefined> {
  const sockets = await listeningSockets(port);
  if (sockets.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (await hasOneOf(sockets, pid)) return `${await commandLine(pid)} (pid ${pid})`;
  }
  return 'a process of another user';
}

/** Whether somebody listens on the port, but not this process. False where that cannot be found out. */
export async function isHeldByAnother(port: number, pid: number): Promise<boolean> {
  const sockets = await listeningSockets(port);
  return sockets.size > 0 && !(await hasOneOf(sockets, String(pid)));
}

/** Shortened: it is to be recognised, not to be run again. */
async function commandLine(pid: string): Promise<string> {
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').filter(Boolean);
  const line = [basename(words[0] ?? '?'), ...words.slice(1)].join(' ');
  return line.length > 80 ? `${line.slice(0, 80)}...` : line;
}

async function listeningSockets(port: number): Promise<Set<string>> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((table) => readFile(table, 'utf8').catch(() => '')),
  );
  return new Set(tables.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`));
}

async function hasOneOf(sockets: Set<string>, pid: string): Promise<boolean> {
  // Other users' processes cannot be looked into; they are passed over.
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  return targets.some((target) => sockets.has(target));
}

/** Inodes of the sockets that listen on the port, from the text of /proc/net/tcp. */
export function listeningInodes(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === listening && fields[1]?.split(':')[1] === wanted)
    .map((fields) => fields[9] as string);
}
