/** Starts a stopwatch; the returned function says how long it has been running, e.g. "3.2 s". */
export function stopwatch(): () => string {
  const begun = performance.now();
  return () => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
}
