import {
  beginningOfSources,
  copiedEvents,
  type DueEvent,
  type FindDue,
  type WorkerTopic,
  writtenUserEvents,
} from '@caregate/change-events';
import type { Connection } from 'mongoose';

interface MustHappen {
  readonly topic: WorkerTopic;
  /** When it happened, as the document says. */
  readonly time: string;
  readonly reactions: readonly string[];
  readonly match?: Readonly<Record<string, unknown>>;
  /** Tells somebody something: never of what happened before the shard's sources began, as before a restore. */
  readonly tells: boolean;
}

/** What people wait for, or the law asks for. Everything else that a lost event would have brought about is found by `caregate events repair`. */
const MUST_HAPPEN: readonly MustHappen[] = [
  { topic: 'patientArchives', time: 'deletedTime', reactions: ['end_custodial_account'], tells: false },
  {
    ...{ topic: 'migrations', time: 'createdTime', reactions: ['migrate_legacy_clinic'], tells: false },
    match: { status: { $in: ['PENDING', 'RUNNING'] } },
  },
  {
    ...{ topic: 'clinicians', time: 'inviteSentTime', reactions: ['clinician_invitation'], tells: true },
    match: { inviteId: { $exists: true }, email: { $gte: '' } }, // as the index of open invites is by email
  },
  { topic: 'patientInvites', time: 'createdTime', reactions: ['patient_clinic_invitation'], tells: true },
  { topic: 'signUps', time: 'createdTime', reactions: ['sign_up_confirmation'], tells: true },
];

const USER_REACTIONS = {
  'users:delete': ['forget_user_records', 'forget_user_sharing', 'stop_user_keys', 'forget_user_account'],
  'users:update': ['update_user_email'],
} as const;

/**
 * What has happened on the shard that must be reacted to, from the database. What happened to users only where the shard keeps them itself: a user
 * platform tells only by its events.
 */
export function dueEvents(connection: Connection, prefix: string, userEventsTopic: string | undefined): FindDue {
  return async function* (since: Date, until: Date): AsyncGenerator<DueEvent> {
    if (userEventsTopic !== undefined) yield* usersDue(connection, userEventsTopic, since, until);
    const begun = await beginningOfSources(connection);
    for (const { topic, time, reactions, match, tells } of MUST_HAPPEN) {
      if (tells && !begun) continue;
      const from = tells && begun && begun > since ? begun : since;
      const recent = { ...match, [time]: { $gte: from, $lte: until } };
      const copies = { connection, prefix, topic, match: recent, since: `$${time}`, time: `$${time}` } as const;
      for await (const message of copiedEvents(copies)) yield { reactions, message, time: message.time };
    }
  };
}

async function* usersDue(connection: Connection, topic: string, since: Date, until: Date): AsyncGenerator<DueEvent> {
  for (const [type, reactions] of Object.entries(USER_REACTIONS))
    for await (const message of writtenUserEvents({ connection, topic, types: [type], since, until }))
      yield { reactions, message, time: message.time };
}
