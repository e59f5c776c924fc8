import type { Caller } from '@caregate/access';
import {
  type ClinicDocument,
  type ClinicianDocument,
  type ClinicianRole,
  newObjectId,
  withRolesUpdate,
} from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { Conflict, Forbidden, NotFound, Unprocessable } from '@caregate/service';
import type { Types } from 'mongoose';

/** What may change of a clinician: the email belongs to the user's account and stays (compat, clinicians "promote the member"). */
export interface ClinicianChange {
  readonly name?: string;
  readonly roles: readonly ClinicianRole[];
}

type Fields = Omit<ClinicianDocument, '_id' | 'clinicId' | 'rolesUpdates' | 'createdTime' | 'updatedTime'>;
export type ClinicianFields = { readonly [Name in keyof Fields]: Fields[Name] | undefined } & Pick<Fields, 'roles'>;

/** A clinician as they begin; fields that are undefined are not stored. */
export function newClinician(
  clinicId: Types.ObjectId,
  fields: Partial<ClinicianFields> & Pick<Fields, 'roles'>,
  time: Date,
): ClinicianDocument {
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields; // only leaves out what is optional
  return { ...given, _id: newObjectId(), clinicId, rolesUpdates: [], createdTime: time, updatedTime: time };
}

/** The clinician after a change by `updatedBy`; who changed the roles to what is kept, as the worker mails by it (behaviour, "Clinicians"). */
export function changed(
  before: ClinicianDocument,
  { name, roles }: ClinicianChange,
  updatedBy: string,
  time: Date,
): ClinicianDocument {
  const { name: _before, ...rest } = before;
  const update = { roles, updatedBy, time };
  const rolesUpdates = sameRoles(before.roles, roles)
    ? before.rolesUpdates
    : withRolesUpdate(before.rolesUpdates, update);
  return { ...rest, ...(name !== undefined && { name }), roles, rolesUpdates, updatedTime: time };
}

/** The member that an invite becomes. */
export function joined(
  invite: ClinicianDocument,
  user: { userId: UserId; name?: string | undefined },
  time: Date,
): ClinicianDocument {
  const { inviteId: _inviteId, inviteSentTime: _sent, ...rest } = invite;
  return { ...rest, userId: user.userId, ...(user.name !== undefined && { name: user.name }), updatedTime: time };
}

/** Says whether two sets of roles are the same, in whatever order. */
export const sameRoles = (one: readonly ClinicianRole[], other: readonly ClinicianRole[]) =>
  one.length === other.length && one.every((role) => other.includes(role));

/**
 * Gives the clinic back when it may get and change clinicians.
 * @throws {NotFound} when there is none
 * @throws {Unprocessable} before a legacy clinic has migrated (behaviour, "Clinicians")
 */
export function assertOpen(clinic: ClinicDocument | undefined): ClinicDocument {
  if (!clinic) throw new NotFound('clinic not found');
  if (!clinic.isMigrated) throw new Unprocessable('constraint violation: clinic is not migrated');
  return clinic;
}

/**
 * An admin outlives the key that made them, and keys leak, so only people make admins.
 * @throws {Forbidden} for an API key
 */
export function assertMayMakeAdmin(caller: Caller, roles: readonly ClinicianRole[]): void {
  if (caller.kind === 'apiKey' && roles.includes('CLINIC_ADMIN'))
    throw new Forbidden('an API key cannot make anybody a CLINIC_ADMIN; an admin of the clinic has to, signed in');
}

export const noClinician = () => new NotFound('clinician not found');
export const memberAlready = () => new Conflict('duplicate: clinician is already a member of the clinic');
export const lastAdmin = () => new Unprocessable('constraint violation: the clinic must have at least one admin');
