import { AsyncLocalStorage } from 'node:async_hooks';
import type { Types } from 'mongoose';

interface Concerned {
  clinicId?: Types.ObjectId;
}

const current = new AsyncLocalStorage<Concerned>();

/** Tells the audit which clinic the running request is about, where neither path nor answer names it. */
export function concernsClinic(clinicId: Types.ObjectId): void {
  const concerned = current.getStore();
  if (concerned) concerned.clinicId = clinicId;
}

/** Runs `work`, and gathers what it says by `concernsClinic`. */
export function gathering<T>(concerned: Concerned, work: () => T): T {
  return current.run(concerned, work);
}
