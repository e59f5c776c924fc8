import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@caregate/service';
import type { RawMessage } from './event-stream.ts';

/** Something that must bring reactions about, as the database has it. */
export interface DueEvent {
  /** Names of the reactions to it. */
  readonly reactions: readonly string[];
  /** What the topic would hold of it. */
  readonly message: RawMessage;
  /** When it happened. */
  readonly time: Date;
}

/** Finds in the database what happened in a while and must be reacted to, whether or not an event of it came. */
export type FindDue = (since: Date, until: Date) => AsyncIterable<DueEvent>;

export interface DueSettings {
  readonly find: FindDue;
  /** Milliseconds after which an event counts as missed; longer than events take while all is well. */
  readonly after: number;
}

export interface DueEventsOptions extends DueSettings {
  /** Those of the events to which some reaction has not begun. */
  readonly missed: (events: readonly DueEvent[]) => Promise<readonly DueEvent[]>;
  /** Has an event reacted to as if it came. */
  readonly give: (message: RawMessage) => Promise<void>;
  /** Is told how many events of a topic were found. */
  readonly found: (topic: string, count: number) => void;
  readonly logger: Logger;
}

/** The database remembers what happened to users for 28 days, and what was reacted to for 30. */
const LOOKS_BACK_MS = 28 * 86_400_000;
/** After the first look only what is newer, and what waited for a server for as long as events wait at most. */
const LOOKS_BACK_AGAIN_MS = 2 * 86_400_000;
const LONGEST_PAUSE_MS = 600_000;
const AT_ONCE = 200;

/**
 * Finds events that did not come: whose source lost its place in the oplog, whose topic was deleted, emptied or rolled over before they were
 * read. Each copy of a worker looks; what two find at once has one id, and happens once.
 */
export class DueEvents {
  private readonly options: DueEventsOptions;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private looked: Date | undefined;

  constructor(options: DueEventsOptions) {
    this.options = options;
  }

  start(): void {
    this.running = this.keepLooking();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async keepLooking(): Promise<void> {
    const pause = Math.min(this.options.after, LONGEST_PAUSE_MS);
    while (!this.stopping.signal.aborted) {
      await delay(pause * (0.75 + Math.random() / 4), undefined, { signal: this.stopping.signal, ref: false }).catch(
        () => undefined, // it is over
      );
      if (!this.stopping.signal.aborted) await this.tryToLook();
    }
  }

  private async tryToLook(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      if (!this.stopping.signal.aborted)
        this.options.logger.warn({ err: error }, 'cannot look for events that did not come; trying on');
    }
  }

  private async look(): Promise<void> {
    const until = new Date(Date.now() - this.options.after);
    const since = new Date(this.looked ? this.looked.getTime() - LOOKS_BACK_AGAIN_MS : until.getTime() - LOOKS_BACK_MS);
    let some: DueEvent[] = [];
    for await (const event of this.options.find(since, until)) {
      if (this.stopping.signal.aborted) return;
      some.push(event);
      if (some.length < AT_ONCE) continue;
      await this.giveMissed(some);
      some = [];
    }
    await this.giveMissed(some);
    this.looked = until;
  }

  private async giveMissed(events: readonly DueEvent[]): Promise<void> {
    if (events.length === 0) return;
    const missed = await this.options.missed(events);
    for (const { message } of missed) await this.options.give(message);
    for (const [topic, some] of Map.groupBy(missed, ({ message }) => message.topic)) {
      this.options.found(topic, some.length);
      this.options.logger.error(
        { topic, events: some.length },
        'events did not come, or were not reacted to in time: what is due of them was found in the database',
      );
    }
  }
}
