import type { ClientSession, Connection } from 'mongoose';
import { traceparent } from './tracing.ts';
import { transactionName } from './transaction-name.ts';

/** Which trace a transaction belongs to. Change events name their transaction, so that a reaction can go on with the trace. */
interface TraceNote {
  readonly _id: string;
  readonly traceparent: string;
  readonly createdTime: Date;
}

export const TRACE_NOTES = 'trace_notes';
const KEPT_SECONDS = 86_400;

const prepared = new WeakMap<Connection, Promise<unknown>>();

/** Before a transaction whose trace will be noted: a collection cannot be made in the midst of many transactions at once. */
export async function prepareTraceNotes(connection: Connection): Promise<void> {
  if (traceparent() === undefined) return;
  const expiry = [{ key: { createdTime: 1 as const }, name: 'expiry', expireAfterSeconds: KEPT_SECONDS }];
  const known = prepared.get(connection) ?? notes(connection).createIndexes(expiry);
  prepared.set(connection, known);
  await known.catch(() => prepared.delete(connection)); // a trace that ends here is no reason to refuse a write
}

/** Notes, in the transaction itself, which trace it belongs to; nothing while no trace is made. */
export async function noteTrace(connection: Connection, session: ClientSession): Promise<void> {
  const parent = traceparent();
  const id = session.id?.id;
  if (parent === undefined || id === undefined || !prepared.has(connection)) return;
  const _id = transactionName(id.buffer, session.serverSession.txnNumber);
  await notes(connection).insertOne({ _id, traceparent: parent, createdTime: new Date() }, { session });
}

/** The trace of a transaction; undefined when none was made or it is not known any more. */
export async function traceOfTransaction(connection: Connection, transaction: string): Promise<string | undefined> {
  return (await notes(connection).findOne({ _id: transaction }))?.traceparent;
}

const notes = (connection: Connection) => connection.collection<TraceNote>(TRACE_NOTES);
