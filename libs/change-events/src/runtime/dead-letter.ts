import { z } from 'zod';
import type { RawMessage } from './event-stream.ts';

/** An event that could not be reacted to, with where it came from and why. */
export interface DeadLetter {
  /** The reaction's id, or for a message that nobody could read its place. */
  readonly id: string;
  readonly reaction?: string;
  readonly lane: string;
  readonly reason: string;
  readonly stack: string;
  readonly attempts: number;
  readonly time: Date;
  readonly message: RawMessage;
  /** The record in the dead-letter topic is no dead letter: it can be looked at and dropped, and there is nothing to replay. */
  readonly unreadable?: true;
}

const bytes = z
  .string()
  .nullable()
  .transform((text) => (text === null ? null : Buffer.from(text, 'base64')));
const written = z.object({
  id: z.string().min(1),
  reaction: z.string().optional(),
  lane: z.string(),
  reason: z.string(),
  stack: z.string(),
  attempts: z.number(),
  time: z.iso.datetime().pipe(z.coerce.date()),
  message: z.object({
    topic: z.string(),
    partition: z.number(),
    offset: z
      .string()
      .regex(/^\d{1,19}$/)
      .transform(BigInt),
    key: bytes,
    value: bytes,
    headers: z.record(z.string(), z.string()),
    time: z.iso.datetime().pipe(z.coerce.date()),
  }),
});

/** A dead letter as JSON; keys and values as base64, because malformed ones need not be text. */
export function writeDeadLetter(letter: DeadLetter): string {
  const { message } = letter;
  return JSON.stringify({
    ...letter,
    message: {
      ...message,
      offset: String(message.offset),
      key: message.key?.toString('base64') ?? null,
      value: message.value?.toString('base64') ?? null,
    },
  });
}

/** Reads what `writeDeadLetter` wrote. @throws {Error} for anything else; the message repeats nothing of it */
export function readDeadLetter(json: string): DeadLetter {
  const { success, data } = written.safeParse(parsed(json));
  if (!success) throw new Error('not a dead letter');
  const { reaction, ...letter } = data;
  return { ...letter, ...(reaction !== undefined && { reaction }) };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** A record of the dead-letter topic, as a dead letter whatever it is: one that cannot be read must not hide the others. */
export function deadLetterOf(record: RawMessage & { readonly value: Buffer }): DeadLetter {
  try {
    return readDeadLetter(record.value.toString());
  } catch {
    return {
      id: `unreadable:${record.partition}@${record.offset}`,
      lane: '',
      reason: 'the record is no dead letter: look at it with show --content, then drop it',
      stack: '',
      attempts: 0,
      time: record.time,
      message: record,
      unreadable: true,
    };
  }
}

/**
 * Names one burial. An event that was replayed can be buried again before the replay has taken its former letter away, so a letter's id
 * alone would not do as the key in a compacted topic.
 */
export const burialKey = ({ id, time }: Pick<DeadLetter, 'id' | 'time'>) => `${id}@${time.getTime()}`;

/** The id of a dead letter that belongs to no reaction: its place, and when it was written, as a topic that is made anew has the same places. */
export const malformedId = ({ topic, partition, offset, time }: RawMessage) =>
  `malformed:${topic}:${partition}:${offset}:${time.getTime()}`;
