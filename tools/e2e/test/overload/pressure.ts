import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Load, type Outcome, type Outcomes, send } from './open-loop.ts';

/** Sends a load from a process of its own. */
export async function press(load: Load): Promise<Outcomes> {
  const program = join(import.meta.dirname, 'open-loop.ts');
  const child = spawn(process.execPath, [program, JSON.stringify(load)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the load ended with ${code}`);
  return JSON.parse(text) as Outcomes; // as open-loop writes it
}

/** Makes so many patients, some at a time. */
export async function admit(count: number, load: Omit<Load, 'seconds'>): Promise<void> {
  for (let made = 0; made < count;) {
    const { outcomes } = await send({ ...load, admits: true, together: 16, seconds: 1 });
    made += outcomes.filter(([status]) => status === 200).length;
  }
}

export const taken = (outcomes: readonly Outcome[]) => outcomes.filter(([status]) => status >= 200 && status < 300);
export const turnedAway = (outcomes: readonly Outcome[]) => outcomes.filter(([status]) => status === 503);
/** Neither served nor told to come back. */
export const failed = (outcomes: readonly Outcome[]) =>
  outcomes.filter(([status]) => status !== 503 && !(status >= 200 && status < 300));

/** Milliseconds within which this share of them was answered. */
export function within(share: number, outcomes: readonly Outcome[]): number {
  const took = outcomes.map(([, , each]) => each).sort((a, b) => a - b);
  return Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0);
}

/** When, in seconds since its beginning, the last one of a load was turned away; 0 when none was. */
export const lastRefusal = (outcomes: readonly Outcome[]) =>
  Math.max(0, ...turnedAway(outcomes).map(([, due]) => due)) / 1_000;
