import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientSession } from 'mongoose';

/** What is written along with somebody else's transaction. It may run again when the transaction does. */
export type Companion = (session: ClientSession) => Promise<void>;

const companions = new AsyncLocalStorage<Companion>();

/** Runs `work` so that every transaction in it also does what `companion` does: both are committed, or neither. */
export function accompanied<T>(companion: Companion, work: () => T): T {
  return companions.run(companion, work);
}

/** For `inTransaction`: does what goes along with the transaction that is running, if anything. */
export async function letCompanionWrite(session: ClientSession): Promise<void> {
  await companions.getStore()?.(session);
}
