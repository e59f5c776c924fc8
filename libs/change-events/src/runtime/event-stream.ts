/** A message as it lies in a topic. */
export interface RawMessage {
  readonly topic: string;
  readonly partition: number;
  /** `IN_NO_TOPIC` for what was read from the database in its place. */
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly time: Date;
}

/** Nobody knows whether such a message was ever dealt with. */
export const IN_NO_TOPIC = -1n;

/** An event of a stream: what happened (`data`), to what, and when. */
export interface StreamEvent<T = unknown> {
  /** The same for every delivery of the event: the resume token, or a CloudEvent's source and id. */
  readonly id: string;
  /** What must keep its order: the document's id, or the user's. */
  readonly key: string;
  readonly time: Date;
  /** The time in the oplog, where the event is a change of the database. */
  readonly moment?: { readonly t: number; readonly i: number };
  /** The database transaction that brought it about, where it is known: its trace goes on in the reactions. */
  readonly transaction?: string;
  readonly data: T;
}

/** A topic and how to read it. */
export interface EventStream<T = unknown> {
  /** The name that reactions use. */
  readonly name: string;
  readonly topic: string;
  /**
   * A restore of the clinic database does not undo what the stream tells, such as that a user was deleted: it is reacted to again, as far as it can be
   * repeated. What other streams tell of an undone time is ignored.
   */
  readonly outlastsRestores?: true;
  /** Reads a message; undefined for one that says nothing (a compaction tombstone). Throws for one that is malformed. */
  readonly decode: (message: RawMessage) => StreamEvent<T> | undefined;
}
