import type { Message } from 'kafkajs';
import type { RawMessage } from './event-stream.ts';

/** What the retry topic says about a message beside the message itself. Without a reaction it is to be taken as if it came anew. */
export interface WaitingFor {
  readonly reaction?: string;
  /** The reaction's id, or that of the dead letter that is replayed. */
  readonly id: string;
  readonly lane: string;
  readonly replay?: string;
}

const HEADER = 'caregate-';

/** Wraps a message for the retry topic: its lane is the key, so that what must keep its order lies in one partition. */
export function toRetryMessage(message: RawMessage, { reaction, id, lane, replay }: WaitingFor): Message {
  return {
    key: lane,
    value: message.value,
    headers: {
      ...message.headers,
      [`${HEADER}topic`]: message.topic,
      [`${HEADER}partition`]: String(message.partition),
      [`${HEADER}offset`]: String(message.offset),
      [`${HEADER}time`]: message.time.toISOString(),
      [`${HEADER}id`]: id,
      [`${HEADER}lane`]: lane,
      ...(message.key && { [`${HEADER}key`]: message.key.toString('base64') }),
      ...(reaction !== undefined && { [`${HEADER}reaction`]: reaction }),
      ...(replay !== undefined && { [`${HEADER}replay`]: replay }),
    },
  };
}

/** Unwraps a message of the retry topic. @throws {Error} when it was not written by `toRetryMessage` */
export function fromRetryMessage(waiting: RawMessage): { message: RawMessage; waitingFor: WaitingFor } {
  const own = (name: string) => waiting.headers[`${HEADER}${name}`];
  const needed = (name: string) => {
    const value = own(name);
    if (value === undefined) throw new Error(`the header ${HEADER}${name} is missing`);
    return value;
  };
  const key = own('key');
  const [reaction, replay] = [own('reaction'), own('replay')];
  return {
    message: {
      topic: needed('topic'),
      partition: Number(needed('partition')),
      offset: BigInt(needed('offset')),
      key: key === undefined ? null : Buffer.from(key, 'base64'),
      value: waiting.value,
      headers: Object.fromEntries(Object.entries(waiting.headers).filter(([name]) => !name.startsWith(HEADER))),
      time: new Date(needed('time')),
    },
    waitingFor: {
      id: needed('id'),
      lane: needed('lane'),
      ...(reaction !== undefined && { reaction }),
      ...(replay !== undefined && { replay }),
    },
  };
}
