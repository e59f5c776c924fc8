import { randomBytes, randomInt } from 'node:crypto';
import { Types } from 'mongoose';

/** What was done in clinics, by clinic. */
export const AUDIT_ENTRIES = 'audit_entries';
/** What was done with an account itself: keys, sign-ins of its people, owners, moves. */
export const ACCOUNT_AUDIT_ENTRIES = 'account_audit_entries';
/** How many requests of strangers a clinic refused, by day. */
export const REFUSED_REQUESTS = 'refused_requests';

/** Which record was meant; each field is an id. */
export interface AuditSubject {
  readonly clinicId?: Types.ObjectId;
  readonly patientId?: string;
  readonly clinicianId?: string;
  /** A tag, a site, an invite, a summary, a key, an owner. */
  readonly record?: string;
}

/** Who did what to which record, when and from where: ids only, never the data itself. */
export interface AuditEntry extends AuditSubject {
  readonly _id: Types.ObjectId;
  readonly time: Date;
  readonly operationId: string;
  readonly caller: AuditCaller;
  /** What was answered. None when the server stopped before it answered: the write may have happened or not. */
  readonly status?: number;
  readonly address: string;
  readonly requestId: string;
  /** Of entries about an account itself, which are in a collection of their own. */
  readonly accountId?: string;
}

export interface AuditCaller {
  readonly kind: 'user' | 'service' | 'apiKey' | 'directory';
  readonly id: string;
}

/** The requests of a day to a clinic by people and keys who have no part in it. */
export interface RefusedRequestsDocument {
  /** `<clinicId>/<day>` */
  readonly _id: string;
  readonly clinicId: Types.ObjectId;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly requests: number;
  readonly lastTime: Date;
}

const COUNTER_END = 0x1000000;
let counter = randomInt(COUNTER_END);

/** An id that orders entries by the millisecond, whichever copy of the app wrote them: seconds, milliseconds, a counter, random bits. */
export function entryId(time: Date): Types.ObjectId {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(Math.floor(time.getTime() / 1000), 0);
  bytes.writeUInt16BE(time.getTime() % 1000, 4);
  counter = (counter + 1) % COUNTER_END;
  bytes.writeUIntBE(counter, 6, 3);
  randomBytes(3).copy(bytes, 9);
  return new Types.ObjectId(bytes);
}

const LAST_SECOND = 0xffffffff;

/** The ids of entries at this moment or later are not below this one; moments that no id can tell count as the first or the last. */
export function lowestEntryId(time: Date): Types.ObjectId {
  const second = Math.floor(time.getTime() / 1000);
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(Math.min(Math.max(second, 0), LAST_SECOND), 0);
  if (second >= 0) bytes.writeUInt16BE(time.getTime() % 1000, 4);
  return new Types.ObjectId(bytes);
}
