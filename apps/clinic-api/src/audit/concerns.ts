import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuditSubject } from '@caregate/clinic-model';
import type { Types } from 'mongoose';

/** What a running request turns out to be about. */
export interface Concerned {
  readonly subject: AuditSubject;
  /** Clinics whose records it read or changed, where its path names none, by id. */
  readonly clinics: Map<string, Types.ObjectId>;
  /** Accounts whose people, owner or keys it is about, where its path names none. */
  readonly accounts: Set<string>;
}

const current = new AsyncLocalStorage<Concerned>();

/** Tells the audit what the running request is about, where neither its path nor its answer names it. */
export function concerns(subject: AuditSubject): void {
  const concerned = current.getStore();
  if (concerned) Object.assign(concerned.subject, subject);
}

/** Tells the audit in which clinics the running request read or changed records: each gets an entry. */
export function concernsClinics(clinicIds: Iterable<Types.ObjectId>): void {
  const concerned = current.getStore();
  if (concerned) for (const clinicId of clinicIds) concerned.clinics.set(clinicId.toHexString(), clinicId);
}

/** The same for accounts. */
export function concernsAccounts(accountIds: Iterable<string>): void {
  const concerned = current.getStore();
  if (concerned) for (const accountId of accountIds) concerned.accounts.add(accountId);
}

/** Runs `work`, and gives along what it says by `concerns…`, also in what it throws. */
export async function gathering<T>(concerned: Concerned, work: () => Promise<T>): Promise<T> {
  return current.run(concerned, work);
}

export const nothingYet = (): Concerned => ({ subject: {}, clinics: new Map(), accounts: new Set() });
