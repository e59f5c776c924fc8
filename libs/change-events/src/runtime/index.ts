export * from './change-event-server.ts';
export * from './dead-letter.ts';
export { DeadLetters, type DeadLettersSettings, NoSuchDeadLetter, NothingToReplay } from './dead-letters.ts';
export type { DueEvent, DueSettings, FindDue } from './due-events.ts';
export { IN_NO_TOPIC } from './event-stream.ts';
export * from './failures.ts';
export * from './reaction.ts';
export {
  beginningOfSources,
  BEGINNINGS,
  closeGaps,
  type EventGap,
  openGaps,
  type SourcesBeginning,
} from './read-positions.ts';
export * from './retry-policy.ts';
export * from './restores.ts';
export { REACTIONS, reactionId } from './reaction-records.ts';
export { EventLog, type EventLogSettings, eventTopics } from './event-log.ts';
