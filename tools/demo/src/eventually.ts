const BETWEEN_LOOKS_MS = 5;

/** Looks until `look` finds something, and fails with what was awaited when that takes too long. */
export async function eventually<T>(
  awaited: string,
  look: () => Promise<T | undefined | null | false>,
  withinMs = 30_000,
): Promise<T> {
  const giveUp = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > giveUp) throw new Error(`not seen within ${withinMs / 1000} s: ${awaited}`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
}
