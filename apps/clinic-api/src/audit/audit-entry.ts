import { randomBytes, randomInt } from 'node:crypto';
import { isObjectIdText, objectId } from '@caregate/clinic-model';
import type { Caller } from '@caregate/access';
import { isUserId } from '@caregate/identity';
import type { ServedOperation } from '@caregate/service';
import { Types } from 'mongoose';

/** Which record was meant; each field is an id. */
export interface AuditSubject {
  readonly clinicId?: Types.ObjectId;
  readonly patientId?: string;
  readonly clinicianId?: string;
  /** A tag, a site, an invite, a summary, a key. */
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
}

export interface AuditCaller {
  readonly kind: 'user' | 'service' | 'apiKey' | 'directory';
  readonly id: string;
}

export interface AuditedRequest {
  readonly caller: Caller | undefined;
  readonly params: unknown;
  readonly ip: string;
  readonly id: string;
}

/** An entry for a request that is about to be carried out; undefined when nobody is known to have sent it. */
export function entryOf(
  { caller, params, ip, id }: AuditedRequest,
  operation: ServedOperation,
  time: Date,
): AuditEntry | undefined {
  const by = caller && auditCaller(caller);
  if (!by) return undefined;
  return {
    _id: entryId(time),
    time,
    operationId: operation.operationId,
    caller: by,
    ...subjectOf(operation.path, params as Record<string, string>), // validated route parameters are texts
    address: ip,
    requestId: id,
  };
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

const LONGEST_NAME = 256;

function auditCaller(caller: Caller): AuditCaller | undefined {
  switch (caller.kind) {
    case 'user':
      return { kind: 'user', id: caller.userId };
    case 'service':
      return { kind: 'service', id: caller.name.slice(0, LONGEST_NAME) };
    case 'apiKey':
      return { kind: 'apiKey', id: caller.keyId };
    case 'directory':
      return { kind: 'directory', id: 'directory' };
    case 'nobody':
      return undefined;
  }
}

const OTHER_RECORDS = [
  'patientTagId',
  'siteId',
  'inviteId',
  'summaryId',
  'keyId',
  'accountId',
  'providerId',
  'permission',
];

/** What a refused request had in the place of an id may be anything, also somebody's name. */
const idIn = (text: string | undefined) => (text !== undefined && /^[\w-]{1,256}$/.test(text) ? text : undefined);

const userIdIn = (text: string | undefined) => (text !== undefined && isUserId(text) ? text : undefined);

/** What the path names. A `userId` is a patient, a clinician or either, by the collection that it stands in. */
export function subjectOf(path: string, params: Readonly<Record<string, string | undefined>>): AuditSubject {
  const { clinicId } = params;
  const userId = userIdIn(params['userId']);
  const clinic = isObjectIdText(clinicId) ? objectId(clinicId) : undefined;
  const userIs = (collection: string) => userId !== undefined && path.includes(`/${collection}/{userId}`);
  const patientId =
    userIdIn(params['patientId']) ?? (userIs('patients') || userIs('users') || userIs('invite') ? userId : undefined);
  const clinicianId =
    userIdIn(params['clinicianId']) ??
    (userIs('clinicians') || userIs('users') || userIs('migrations') ? userId : undefined);
  const record = OTHER_RECORDS.map((name) => idIn(params[name])).find((id) => id !== undefined);
  return {
    ...(clinic && { clinicId: clinic }),
    ...(patientId !== undefined && { patientId }),
    ...(clinicianId !== undefined && { clinicianId }),
    ...(record !== undefined && { record }),
  };
}

type Made = { readonly id?: unknown; readonly inviteId?: unknown };

/** What an operation made, which only its answer names. */
export function subjectMade(operationId: string, answer: unknown): AuditSubject {
  const { id, inviteId } = (answer ?? {}) as Made; // an answer is an object or nothing
  if (typeof id !== 'string' && typeof inviteId !== 'string') return {};
  switch (operationId) {
    case 'CreateClinic':
    case 'EnableNewClinicExperience':
      return isObjectIdText(id) ? { clinicId: objectId(id) } : {};
    case 'CreatePatientAccount':
      return { patientId: String(id) };
    case 'CreateClinician':
    case 'AddServiceAccount':
    case 'InviteClinician':
      return typeof id === 'string' ? { clinicianId: id } : { record: String(inviteId) };
    case 'AssociateClinicianToUser':
      return { clinicianId: String(id) };
    case 'CreatePatientTag':
    case 'CreateSite':
    case 'CreateApiKey':
      return { record: String(id) };
    default:
      return {};
  }
}
