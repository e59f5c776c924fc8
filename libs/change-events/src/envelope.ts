import { transactionName } from '@caregate/service/transaction-name';
import { mongo } from 'mongoose';
import { z } from 'zod';

const OPERATIONS = ['insert', 'update', 'replace', 'delete'] as const;
export type OperationType = (typeof OPERATIONS)[number];

/** What an update changed, as events said it before they named the fields alone. Paths are dotted: `rolesUpdates.1`. */
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
  /** The watched fields that the change touched; of a whole document that is new, those that it has. */
  readonly changed?: readonly string[];
  /** In events of before `changed`, which may still wait in a topic. */
  readonly updateDescription?: UpdateDescription;
  /** Of a document that a snapshot copied because its source had lost its place: what happened before this time is done. */
  readonly changedSince?: Date;
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
  documentBytes: z.number().nullish(),
  changed: z.array(z.string()).nullish(),
  changedSince: z.date().nullish(),
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
    if (event.documentBytes)
      throw new MalformedEvent(
        `the document has ${event.documentBytes} bytes, which is too much for an event: make it smaller, or copy what is needed of it by hand`,
      );
    throw new MalformedEvent(`not a change event: fullDocument is missing on ${event.operationType}`);
  }
  const isCopy = !('_data' in event._id);
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
    ...(event.changed && { changed: event.changed }),
    ...(isCopy && event.changedSince && { changedSince: event.changedSince }),
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

/** Whether a change touched a field; inserts and replacements touch all that the document has. */
export function touched(event: ChangeEvent<unknown>, field: string): boolean {
  if (event.operationType === 'delete') return false;
  if (event.changed) return event.changed.includes(field);
  const { updateDescription } = event;
  if (event.operationType !== 'update' || !updateDescription) return true;
  const paths = [
    ...Object.keys(updateDescription.updatedFields),
    ...updateDescription.removedFields,
    ...updateDescription.truncatedArrays.map((array) => array.field),
  ];
  return paths.some((changed) => changed === field || changed.startsWith(`${field}.`));
}

/** Whether a snapshot copied the document: what it holds may be new or long known, and every handler looks for itself. */
export const isCopied = ({ clusterTime }: Pick<ChangeEvent, 'clusterTime'>) => clusterTime === undefined;

/** Whether something of this time may be news: always, but for what a snapshot copied although it happened before the loss. */
export const isNews = ({ changedSince }: Pick<ChangeEvent, 'changedSince'>, time: Date | undefined) =>
  changedSince === undefined || (time !== undefined && time >= changedSince);
