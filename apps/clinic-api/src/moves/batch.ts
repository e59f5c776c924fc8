import { BadRequest } from '@caregate/service';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { mongo } from 'mongoose';

const { BSON } = mongo;
const zip = promisify(gzip);
const unzip = promisify(gunzip);

export type DocumentKey = mongo.ObjectId | string;

/** One document to put in place, or one to take away. */
export type Step =
  | { readonly collection: string; readonly id: DocumentKey; readonly document: mongo.Document }
  | { readonly collection: string; readonly id: DocumentKey; readonly document?: undefined };

/** As MongoDB wrote it: numbers, dates and binaries keep their types, so both sides hold the same bytes. */
export const EXACT = {
  promoteValues: false,
  promoteLongs: false,
  promoteBuffers: false,
  bsonRegExp: true,
} as const;

const LONGEST_UNPACKED = 64 * 1024 * 1024;

/** Steps in the form in which the directory carries them, without looking inside. */
export async function packed(steps: readonly Step[]): Promise<string> {
  const parts = steps.map(({ collection, id, document }) =>
    BSON.serialize({ collection, id, ...(document && { document }) }, { ignoreUndefined: true }),
  );
  return (await zip(Buffer.concat(parts), { level: 1 })).toString('base64');
}

/** @throws {Error} when the text is no batch */
export async function unpacked(batch: string): Promise<Step[]> {
  const bytes = await unzip(Buffer.from(batch, 'base64'), { maxOutputLength: LONGEST_UNPACKED });
  const steps: Step[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readInt32LE(at);
    steps.push(stepIn(BSON.deserialize(bytes.subarray(at, at + length), EXACT)));
    at += length;
  }
  return steps;
}

function stepIn({ collection, id, document }: mongo.Document): Step {
  if (typeof collection !== 'string' || !isKey(id))
    throw new Error('a batch has something else than documents of collections');
  return document === undefined ? { collection, id } : { collection, id, document };
}

export const isKey = (id: unknown): id is DocumentKey => typeof id === 'string' || id instanceof mongo.ObjectId;

/** The id of a document as a text. */
export const idText = (id: DocumentKey): string => (typeof id === 'string' ? `s:${id}` : `o:${id.toHexString()}`);

export function idOfText(text: string): DocumentKey {
  if (text.startsWith('o:') && /^[0-9a-f]{24}$/.test(text.slice(2))) return new mongo.ObjectId(text.slice(2));
  return text.slice(2);
}

/** A place in the order of an export, or in the change stream, as a text for URLs. */
export const placeText = (place: unknown): string =>
  Buffer.from(BSON.EJSON.stringify(place as object, { relaxed: false })).toString('base64url'); // any BSON value

/** @throws {BadRequest} when the text is none of `placeText` */
export function placeIn(text: string): unknown {
  try {
    return BSON.EJSON.parse(Buffer.from(text, 'base64url').toString('utf8'), { relaxed: true });
  } catch {
    throw new BadRequest('request has an error: "after" or "until" is no place that an answer gave');
  }
}
