import { Agent, request as send } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface GoodCall {
  readonly url: string;
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: () => string;
}

/** An answer: its status, or the error's message where none came, and how long it took in milliseconds. */
export interface Got {
  readonly status: number | string;
  readonly took: number;
}

const EVERY_MS = 50;

/** Good callers' calls for so many seconds, by turns on connections that are kept open and on new ones. */
export async function callWell(calls: readonly GoodCall[], seconds: number): Promise<Got[]> {
  const kept = new Agent({ keepAlive: true });
  const sent: Promise<Got>[] = [];
  const until = performance.now() + seconds * 1_000;
  for (let i = 0; performance.now() < until; i++) {
    for (const each of calls) sent.push(once(each, i % 2 === 0 ? kept : false));
    await delay(EVERY_MS);
  }
  const got = await Promise.all(sent);
  kept.destroy();
  return got;
}

function once({ url, method, headers, body }: GoodCall, agent: Agent | false): Promise<Got> {
  const began = performance.now();
  return new Promise((resolve) => {
    const done = (status: number | string) => resolve({ status, took: performance.now() - began });
    const request = send(url, { method, headers, agent, timeout: 10_000 }, (response) =>
      response.resume().on('end', () => done(response.statusCode ?? 0)),
    );
    request.on('timeout', () => request.destroy(new Error('no answer in 10 s')));
    request.on('error', ({ message }) => done(message)).end(body?.());
  });
}
