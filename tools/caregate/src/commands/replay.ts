import { changeEventIn } from '@caregate/change-events/change-event-stream';
import type { EventLog } from '@caregate/change-events/event-log';
import { reactionId, REACTIONS } from '@caregate/change-events/reaction-records';
import { Restores } from '@caregate/change-events/restores';
import type { Connection } from 'mongoose';

/** `changeEventIn` is given what `EventLog` reads. */
type Message = Parameters<typeof changeEventIn>[0];
type Event = Pick<ReturnType<typeof changeEventIn>, 'id' | 'key' | 'time'> & { readonly message: Message };

export interface ReplayOptions {
  /** Of when the changes were committed; both ends are included. */
  readonly from: Date;
  readonly to: Date;
}

/** What a replay would do. */
export interface ReplayPlan {
  readonly messages: readonly Message[];
  /** Events by topic, and how the processed-event store knows them: `none` has no record, so what they call for would happen. */
  readonly topics: Readonly<Record<string, Readonly<Record<Known, number>>>>;
  /** Events of a time that a restore has undone: left out. */
  readonly undone: number;
  /** Messages that are no events: left out. */
  readonly unreadable: number;
}

const KNOWN = ['done', 'dead', 'open', 'none'] as const;
type Known = (typeof KNOWN)[number];

const LOOK_UP_AT_ONCE = 500;

/** Reads the events between two times, and asks the shard's processed-event store about them. */
export async function planReplay(
  {
    log,
    topics,
    connection,
  }: { readonly log: EventLog; readonly topics: readonly string[]; readonly connection: Connection },
  { from, to }: ReplayOptions,
): Promise<ReplayPlan> {
  const restores = await Restores.of(connection);
  const events: Event[] = [];
  const known = new Set<string>();
  const begin = Math.floor(from.getTime() / 1_000) * 1_000; // the oplog's times are whole seconds
  let [undone, unreadable] = [0, 0];
  await log.read(topics, { from }, (message) => {
    const event = readable(message);
    if (!event) return void unreadable++;
    if (event.time.getTime() < begin || event.time > to) return;
    // A source that has lost its place publishes an event again. Whether it was dealt with is known of the first.
    const name = `${message.topic} ${event.key} ${event.id}`;
    if (known.has(name)) return;
    known.add(name);
    if (restores.standingOf(event) === 'undone') return void undone++;
    events.push({ ...event, message });
  });
  return {
    messages: events.map(({ message }) => message),
    topics: await countByTopic(connection, events),
    undone,
    unreadable,
  };
}

async function countByTopic(connection: Connection, events: readonly Event[]): Promise<ReplayPlan['topics']> {
  const topics: Record<string, Record<Known, number>> = {};
  const names = await connection.collection(REACTIONS).distinct('reaction');
  for (let n = 0; n < events.length; n += LOOK_UP_AT_ONCE) {
    const some = events.slice(n, n + LOOK_UP_AT_ONCE);
    const known = await statesOf(connection, names, some);
    for (const event of some) {
      const counts = (topics[event.message.topic] ??= { done: 0, dead: 0, open: 0, none: 0 });
      counts[known.get(event) ?? 'none']++;
    }
  }
  return topics;
}

/** Of an event that several reactions are about, what is least finished. */
async function statesOf(
  connection: Connection,
  names: readonly string[],
  events: readonly Event[],
): Promise<Map<Event, Known>> {
  const byId = new Map(events.flatMap((event) => names.map((name) => [reactionId(name, event), event] as const)));
  const records = await connection
    .collection<{ _id: string; state: string; open?: true }>(REACTIONS)
    .find({ _id: { $in: [...byId.keys()] } }, { projection: { state: 1, open: 1 } })
    .toArray();
  const states = new Map<Event, Known>();
  for (const { _id, state, open } of records) {
    const event = byId.get(_id);
    if (!event) continue;
    const found: Known = open ? 'open' : state === 'dead' ? 'dead' : 'done';
    const before = states.get(event);
    if (before === undefined || KNOWN.indexOf(found) > KNOWN.indexOf(before)) states.set(event, found);
  }
  return states;
}

function readable(message: Message): ReturnType<typeof changeEventIn> | undefined {
  try {
    return changeEventIn(message);
  } catch {
    return undefined;
  }
}
