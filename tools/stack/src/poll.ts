import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks again and again until the answer is true. A probe that throws counts as "not yet".
 * Answers false when the time is up or `giveUp` says that waiting is pointless.
 */
export async function poll(
  probe: () => Promise<boolean> | boolean,
  { everyMs = 40, withinMs, giveUp = () => false }: { everyMs?: number; withinMs: number; giveUp?: () => boolean },
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      if (await probe()) return true;
    } catch {
      // not yet
    }
    if (giveUp() || performance.now() > deadline) return false;
    await pause(everyMs);
  }
}
