import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuditSubject } from './audit-entry.ts';

const current = new AsyncLocalStorage<AuditSubject>();

/** Tells the audit what the running request is about, where neither its path nor its answer names it. */
export function concerns(subject: AuditSubject): void {
  const gathered = current.getStore();
  if (gathered) Object.assign(gathered, subject);
}

/** Runs `work`, and gathers in `gathered` what it says by `concerns`. */
export function gathering<T>(gathered: AuditSubject, work: () => T): T {
  return current.run(gathered, work);
}
