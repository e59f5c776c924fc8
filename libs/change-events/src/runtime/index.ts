export * from './change-event-server.ts';
export * from './dead-letter.ts';
export { DeadLetters, type DeadLettersSettings, NoSuchDeadLetter, NothingToReplay } from './dead-letters.ts';
export * from './failures.ts';
export * from './reaction.ts';
export { beginningOfSources, closeGaps, type EventGap, openGaps } from './read-positions.ts';
export * from './retry-policy.ts';
export { REACTIONS, reactionId } from './reaction-records.ts';
export { EventLog, type EventLogSettings, eventTopics } from './event-log.ts';
