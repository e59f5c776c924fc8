import { type ChangeEvent, isCopied, parseChangeEvent } from './envelope.ts';
import type { RawMessage, StreamEvent } from './runtime/event-stream.ts';

/**
 * A message of a collection's topic as an event: whose it is, and by which id it is known to have been reacted to.
 * @throws {MalformedEvent}
 */
export function changeEventIn({ value, time, partition, offset }: RawMessage): StreamEvent<ChangeEvent> {
  const event = parseChangeEvent(value);
  const { transaction, clusterTime } = event;
  return {
    // A later snapshot of the same document is another event, also where it comes to the same place of a topic that was made anew;
    // one delivered twice is the same.
    id: isCopied(event) ? `${event._id}@${partition}:${offset}:${time.getTime()}` : event._id,
    key: String(event.documentKey._id),
    time: clusterTime?.time ?? time,
    data: event,
    ...(clusterTime && { moment: { t: clusterTime.time.getTime() / 1_000, i: clusterTime.ordinal } }),
    ...(transaction !== undefined && { transaction }),
  };
}
