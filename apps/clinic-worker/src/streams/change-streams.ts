import { type ChangeEvent, type EventStream, isCopied, parseChangeEvent, topicsOf } from '@caregate/change-events';

/** The collections whose changes the worker reacts to. */
const COLLECTIONS = [
  ...(['clinics', 'clinicians', 'patients', 'migrations', 'patientInvites'] as const),
  ...(['patientArchives', 'signUps'] as const),
] as const;

/** One stream a collection, named like it; a document's events keep their order. */
export function changeStreams(prefix: string): EventStream<ChangeEvent>[] {
  const topics = topicsOf(prefix);
  return COLLECTIONS.map((name) => ({
    name,
    topic: topics[name],
    decode: ({ value, time, partition, offset }) => {
      const event = parseChangeEvent(value);
      const { transaction } = event;
      return {
        // A later snapshot of the same document is another event, also where it comes to the same place of a topic that was made anew;
        // one delivered twice is the same.
        id: isCopied(event) ? `${event._id}@${partition}:${offset}:${time.getTime()}` : event._id,
        key: String(event.documentKey._id),
        time: event.clusterTime?.time ?? time,
        data: event,
        ...(transaction !== undefined && { transaction }),
      };
    },
  }));
}
