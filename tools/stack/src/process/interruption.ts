const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `interrupted` at the first SIGINT, SIGTERM or SIGHUP. At the second one the program ends at once; the keeper
 * then ends what is running. The returned function takes the listeners off again.
 */
export function onInterruption(interrupted: (signal: NodeJS.Signals) => void): () => void {
  let seen = false;
  const listener = (signal: NodeJS.Signals) => {
    if (seen) process.exit(exitCodeOf(signal));
    seen = true;
    interrupted(signal);
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

/** As a shell reports a program that a signal has ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal as string] ?? 1);
}
