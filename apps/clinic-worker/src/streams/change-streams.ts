import { type ChangeEvent, changeEventIn, type EventStream, topicsOf } from '@caregate/change-events';

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
    decode: changeEventIn,
  }));
}
