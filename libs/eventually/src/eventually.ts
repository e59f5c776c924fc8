const BETWEEN_LOOKS_MS = 10;
const LONGEST_WAIT_MS = 50_000;

/**
 * Looks until `look` finds something, for tests: they wait for what will come to hold and never for seconds. It gives up, as a loop
 * that goes on would keep the test runner from ending.
 * @param awaited what the failure says was awaited; the text of `look` when not given
 * @throws {Error} when nothing was found within the time
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  awaited = String(look),
  withinMs = LONGEST_WAIT_MS,
): Promise<Exclude<NonNullable<T>, false>> {
  const giveUp = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found) return found as Exclude<NonNullable<T>, false>; // as it is truthy
    if (performance.now() > giveUp) throw new Error(`not seen within ${withinMs / 1000} s: ${awaited}`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
}
