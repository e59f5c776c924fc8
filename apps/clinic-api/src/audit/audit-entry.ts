import {
  type AuditCaller,
  type AuditEntry,
  type AuditSubject,
  entryId,
  isObjectIdText,
  objectId,
} from '@caregate/clinic-model';
import type { Caller } from '@caregate/access';
import { isUserId } from '@caregate/identity';
import type { ServedOperation } from '@caregate/service';

export interface AuditedRequest {
  readonly caller: Caller | undefined;
  readonly params: unknown;
  readonly ip: string;
  readonly id: string;
}

/**
 * What the directory asks over and over while an account moves. An entry in the account's own list would be one more document to
 * bring; there it says when a move began, was given up, and when the account came.
 */
const STEPS_OF_MOVES: ReadonlySet<string> = new Set([
  'ClaimMove',
  'ExportDocuments',
  'ExportChanges',
  'FingerprintDocuments',
  'FenceAccount',
  'SealFence',
  'CompleteDeparture',
  'PurgeDeparted',
  'BeginArrival',
  'ImportBatch',
  'CancelArrival',
]);

/** An entry for a request that is about to be carried out; undefined when nobody is known to have sent it. */
export function entryOf(
  { caller, params, ip, id }: AuditedRequest,
  operation: ServedOperation,
  time: Date,
): AuditEntry | undefined {
  const by = caller && auditCaller(caller);
  if (!by) return undefined;
  const inPath = params as Record<string, string>; // validated route parameters are texts
  const inAccount = idIn(inPath['accountId']);
  const isStep = STEPS_OF_MOVES.has(operation.operationId);
  return {
    _id: entryId(time),
    time,
    operationId: operation.operationId,
    caller: by,
    ...(caller.kind === 'directory' && caller.moveId !== undefined && { record: caller.moveId }),
    ...subjectOf(operation.path, inPath),
    ...(inAccount !== undefined && (isStep ? { record: inAccount } : { accountId: inAccount })),
    address: ip,
    requestId: id,
  };
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

const OTHER_RECORDS = ['patientTagId', 'siteId', 'inviteId', 'summaryId', 'keyId', 'providerId', 'permission'];

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

type Made = { readonly id?: unknown; readonly inviteId?: unknown; readonly ownerUserId?: unknown };

/** What an operation made, which only its answer names. */
export function subjectMade(operationId: string, answer: unknown): AuditSubject {
  const { id, inviteId, ownerUserId } = (answer ?? {}) as Made; // an answer is an object or nothing
  if (operationId === 'ProvisionAccount') return typeof ownerUserId === 'string' ? { record: ownerUserId } : {};
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

/** The same request, as the list of another clinic or account has it. */
export function alsoIn(
  { clinicId: _clinic, accountId: _account, ...entry }: AuditEntry,
  where: Pick<AuditEntry, 'clinicId' | 'accountId'>,
): AuditEntry {
  return { ...entry, _id: entryId(entry.time), ...where };
}
