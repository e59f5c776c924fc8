import { transactionName } from '@caregate/service';
import { mongo } from 'mongoose';
import { z } from 'zod';

const OPERATIONS = ['insert', 'update', 'replace', 'delete'] as const;
export type OperationType = (typeof OPERATIONS)[number];

/** What an update changed, cut to the paths that its connector watches. Paths are dotted: `rolesUpdates.1`. */
export interface UpdateDescription {
  readonly updatedFields: Readonly<Record<string, unknown>>;
  readonly removedFields: readonly string[];
  readonly truncatedArrays: readonly { readonly field: string; readonly newSize: number }[];
}

/**
 * One change of one document, as the source connectors send it: MongoDB's change event, projected.
 * Dates, ObjectIds and numbers are what they were in the database.
 */
export interface ChangeEvent<Document = Readonly<Record<string, unknown>>> {
  /** Identifies the event: the resume token, the same again when the event is sent again. Of a copied document: `copy:` and its id. */
  readonly _id: string;
  readonly operationType: OperationType;
  /** When the change was committed; absent when a snapshot copied the document. To the second, `ordinal` counts within it. */
  readonly clusterTime?: { readonly time: Date; readonly ordinal: number };
  readonly ns: { readonly db: string; readonly coll: string };
  readonly documentKey: { readonly _id: mongo.ObjectId | string };
  /**
   * The document as it was when the connector looked it up, at the change or soon after it; absent after a delete, and only then.
   * An update whose document was gone by then comes as a delete, and the delete itself comes after it.
   */
  readonly fullDocument?: Document;
  /** The document before the change, where its collection keeps pre-images. */
  readonly fullDocumentBeforeChange?: Partial<Document>;
  readonly updateDescription?: UpdateDescription;
  /** Names the transaction that the change was made in, as `transactionName` does; absent where there was none. */
  readonly transaction?: string;
}

/** A message that is no change event. It can not become one by trying again: it belongs to the dead letters. */
export class MalformedEvent extends Error {
  override readonly name = 'MalformedEvent';
}

const documentId = z.union([z.string(), z.instanceof(mongo.ObjectId)]);
const document = z.record(z.string(), z.unknown());
const message = z.object({
  _id: z.union([z.object({ _data: z.string().min(1) }), z.object({ _id: documentId, copyingData: z.literal(true) })]),
  operationType: z.enum(OPERATIONS),
  clusterTime: z.instanceof(mongo.Timestamp).nullish(),
  ns: z.object({ db: z.string(), coll: z.string() }),
  documentKey: z.object({ _id: documentId }),
  fullDocument: document.nullish(),
  fullDocumentBeforeChange: document.nullish(),
  lsid: z.object({ id: z.instanceof(mongo.Binary) }).nullish(),
  txnNumber: z.number().nullish(),
  updateDescription: z
    .object({
      updatedFields: document.default({}),
      removedFields: z.array(z.string()).default([]),
      truncatedArrays: z.array(z.object({ field: z.string(), newSize: z.number() })).default([]),
    })
    .nullish(),
});

/**
 * Reads the value of a Kafka message of one of the change topics.
 * @throws {MalformedEvent} that says what is wrong and where, without repeating any value
 */
export function parseChangeEvent<Document = Readonly<Record<string, unknown>>>(
  value: Buffer | string | null,
): ChangeEvent<Document> {
  const parsed = message.safeParse(parseJson(value));
  if (!parsed.success) throw new MalformedEvent(`not a change event: ${describe(parsed.error)}`);
  const event = parsed.data;
  if (event.operationType !== 'delete' && !event.fullDocument) {
    throw new MalformedEvent(`not a change event: fullDocument is missing on ${event.operationType}`);
  }
  return {
    _id: '_data' in event._id ? event._id._data : `copy:${event._id._id.toString()}`,
    operationType: event.operationType,
    ns: event.ns,
    documentKey: event.documentKey,
    ...(event.clusterTime && {
      clusterTime: { time: new Date(event.clusterTime.t * 1000), ordinal: event.clusterTime.i },
    }),
    // The connector's pipeline decides which fields there are; the caller names the type that belongs to its topic.
    ...(event.fullDocument && { fullDocument: event.fullDocument as Document }),
    ...(event.fullDocumentBeforeChange && {
      fullDocumentBeforeChange: event.fullDocumentBeforeChange as Partial<Document>,
    }),
    ...(event.updateDescription && { updateDescription: event.updateDescription }),
    ...(event.lsid &&
      typeof event.txnNumber === 'number' && { transaction: transactionName(event.lsid.id.buffer, event.txnNumber) }),
  };
}

function parseJson(value: Buffer | string | null): unknown {
  if (value === null) throw new MalformedEvent('not a change event: the message is empty');
  try {
    return mongo.BSON.EJSON.parse(value.toString(), { relaxed: true });
  } catch {
    // The parser's own message quotes the input, which may hold personal data.
    throw new MalformedEvent('not a change event: the message is not JSON');
  }
}

const describe = (error: z.ZodError) =>
  error.issues
    .map(({ path, code }) => `${path.length > 0 ? path.join('.') : 'the message'} is not as expected (${code})`)
    .join('; ');

/** Whether an update touched a path or anything below it; inserts and replacements touch everything. */
export function touched(event: ChangeEvent<unknown>, path: string): boolean {
  const { updateDescription } = event;
  if (event.operationType !== 'update' || !updateDescription) return event.operationType !== 'delete';
  const paths = [
    ...Object.keys(updateDescription.updatedFields),
    ...updateDescription.removedFields,
    ...updateDescription.truncatedArrays.map(({ field }) => field),
  ];
  return paths.some((changed) => changed === path || changed.startsWith(`${path}.`));
}
