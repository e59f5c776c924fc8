import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';

/** What is sent, by whom, and how often. */
export interface Load {
  readonly url: string;
  readonly path: string;
  readonly token: string;
  /** A new patient each time, instead of reading what is at the path. */
  readonly admits?: boolean;
  /** Requests a second, sent whether or not those before were answered; or `together`: so many at any time, each after an answer. */
  readonly perSecond?: number;
  readonly together?: number;
  readonly seconds: number;
}

/** One answer: its status (0: none came), when it was sent in milliseconds since the beginning, and how long it took. */
export type Outcome = readonly [status: number, due: number, took: number];

export interface Outcomes {
  readonly outcomes: readonly Outcome[];
  /** Answers of 503 that did not say when to come back, or not why. */
  readonly unclear: number;
}

/**
 * Open from the beginning, as those of a proxy are: Node takes one new connection in a turn of its loop, so under load a new one waits for long,
 * and what was measured would be the taking of connections.
 */
const CONNECTIONS = 512;
/** Requests are sent in bundles, as a timer cannot be set more finely. */
const TICK_MS = 2;

/** Sends it, in this process; a test runs it in one of its own, lest it wait for itself. */
export async function send(load: Load): Promise<Outcomes> {
  const pool = await connected(load.url, load.together ?? CONNECTIONS);
  const outcomes: Outcome[] = [];
  let unclear = 0;
  const began = performance.now();
  let open = 0;
  const one = async (due: number) => {
    open += 1;
    let status: number;
    try {
      const { statusCode, headers, body } = await pool.request(requestOf(load));
      const text = await body.text();
      status = statusCode;
      if (status === 503 && !(headers['retry-after'] && text.includes('"message"'))) unclear += 1;
    } catch {
      status = 0;
    }
    open -= 1;
    outcomes.push([status, Math.round(due - began), performance.now() - due]);
  };
  const until = began + load.seconds * 1_000;
  if (load.together !== undefined) await byTurns(load.together, until, one);
  else await atTheRate(load.perSecond ?? 1, began, until, () => open < CONNECTIONS, one);
  await pool.close();
  return { outcomes, unclear };
}

async function connected(url: string, connections: number): Promise<Pool> {
  const pool = new Pool(url, { connections, pipelining: 1, keepAliveTimeout: 60_000 });
  const greet = async () => (await pool.request({ method: 'GET', path: '/live' })).body.dump();
  await Promise.all(Array.from({ length: connections }, greet));
  return pool;
}

async function byTurns(together: number, until: number, one: (due: number) => Promise<void>): Promise<void> {
  const sender = async () => {
    while (performance.now() < until) await one(performance.now());
  };
  await Promise.all(Array.from({ length: together }, sender));
}

async function atTheRate(
  perSecond: number,
  began: number,
  until: number,
  isFree: () => boolean,
  one: (due: number) => Promise<void>,
) {
  const sent: Promise<void>[] = [];
  let due = 0;
  for (let now = began; now < until; now = performance.now()) {
    for (const until = ((now - began) * perSecond) / 1_000; due < until; due++) {
      // The one who sends can do no more; what it does not send is not counted.
      if (isFree()) sent.push(one(performance.now()));
    }
    await delay(TICK_MS);
  }
  await Promise.all(sent);
}

function requestOf({ path, token, admits }: Load) {
  const headers = { 'x-tidepool-session-token': token, 'content-type': 'application/json' };
  if (!admits) return { method: 'GET' as const, path, headers };
  const body = JSON.stringify({ fullName: `Pat ${randomBytes(4).toString('hex')}`, birthDate: '1990-01-01' });
  return { method: 'POST' as const, path, headers, body };
}

// node open-loop.ts '{"url": …}': one JSON document on stdout.
const [, program, given] = process.argv;
if (program === import.meta.filename && given !== undefined) {
  process.stdout.write(JSON.stringify(await send(JSON.parse(given) as Load))); // as `Load` says
}
