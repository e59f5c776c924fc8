import { exitCodeOf, onInterruption } from '@caregate/stack';

/** Runs something that starts programs; they are ended in the other order, also when the work fails or is interrupted. */
export async function withCleanup<T>(
  work: (later: (end: () => Promise<unknown> | unknown) => void) => Promise<T>,
): Promise<T> {
  const ends: (() => Promise<unknown> | unknown)[] = [];
  const clean = async () => {
    for (const end of ends.splice(0).reverse()) await Promise.resolve(end()).catch(() => undefined);
  };
  const listenNoMore = onInterruption((signal) => void clean().finally(() => process.exit(exitCodeOf(signal))));
  try {
    return await work((end) => void ends.push(end));
  } finally {
    listenNoMore();
    await clean();
  }
}
