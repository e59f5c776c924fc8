import { randomBytes } from 'node:crypto';
import { BadRequest } from '@caregate/service/errors';
import { Types } from 'mongoose';

declare const brand: unique symbol;

/** A user's id at the identity service: 10 hex digits or a UUID (behaviour, "Identity"). */
export type { UserId } from '@caregate/identity';

/** 24 hex digits. */
export type ClinicId = string & { readonly [brand]: 'ClinicId' };
/** The id of a clinic's patient tag, 24 hex digits. */
export type TagId = string & { readonly [brand]: 'TagId' };
/** The id of a clinic's site, 24 hex digits. */
export type SiteId = string & { readonly [brand]: 'SiteId' };
/** The id of an account, a UUID given by the directory. */
export type AccountId = string & { readonly [brand]: 'AccountId' };

const OBJECT_ID = /^[0-9a-f]{24}$/;

/** Says whether a text can be the id of a clinic, tag, site or other document. */
export function isObjectIdText(text: unknown): text is string {
  return typeof text === 'string' && OBJECT_ID.test(text);
}

/**
 * Reads 24 hex digits as an ObjectId. It never gives undefined: as a condition of a filter that would match every document.
 * Where anything may stand in the text's place, ask `isObjectIdText` first.
 * @throws {BadRequest} for anything else
 */
export function objectId(text: string): Types.ObjectId {
  if (!isObjectIdText(text)) throw new BadRequest('bad request: what should be an id is not 24 hexadecimal digits');
  return new Types.ObjectId(text);
}

export const newObjectId = () => new Types.ObjectId();

/** A fresh user id of the local identity: 10 random hex digits. */
export const newUserIdText = () => randomBytes(5).toString('hex');
