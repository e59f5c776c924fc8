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
}

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

/** Reads what `writeDeadLetter` wrote. @throws {Error} for anything else */
export function readDeadLetter(json: string): DeadLetter {
  const { message, time, ...letter } = JSON.parse(json);
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text, 'base64'));
  return {
    ...letter,
    time: new Date(time),
    message: {
      ...message,
      offset: BigInt(message.offset),
      key: bytes(message.key),
      value: bytes(message.value),
      time: new Date(message.time),
    },
  };
}

/**
 * Names one burial. An event that was replayed can be buried again before the replay has taken its former letter away, so a letter's id
 * alone would not do as the key in a compacted topic.
 */
export const burialKey = ({ id, time }: Pick<DeadLetter, 'id' | 'time'>) => `${id}@${time.getTime()}`;

/** The id of a dead letter that belongs to no reaction. */
export const malformedId = ({ topic, partition, offset }: RawMessage) => `malformed:${topic}:${partition}:${offset}`;
