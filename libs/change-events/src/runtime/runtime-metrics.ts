import type { Counter, Gauge, Histogram, Metrics } from '@caregate/service';

/** How a delivery ended: `repeated` was known to be done, `queued` waits behind an earlier event of its document. */
export type ReactionOutcome = (typeof OUTCOMES)[number];
const OUTCOMES = ['handled', 'retried', 'dead', 'repeated', 'queued'] as const;

/** The runtime's figures: what came, what became of it, how long it took and how far behind it is. */
export class RuntimeMetrics {
  private readonly events: Counter<'topic' | 'concerned'>;
  private readonly outcomes: Counter<'reaction' | 'outcome'>;
  private readonly unreadable: Counter<'topic'>;
  private readonly due: Counter<'topic'>;
  private readonly missed: Gauge<'topic'>;
  private readonly durations: Histogram<'reaction'>;
  private readonly ages: Histogram<'topic' | 'reaction'>;

  constructor(
    metrics: Metrics,
    lags: () => { topic: string; partition: number; lag: number }[],
    running: () => number,
  ) {
    this.events = metrics.counter('caregate_events_total', 'Events read, by whether any reaction is concerned', [
      'topic',
      'concerned',
    ]);
    this.outcomes = metrics.counter('caregate_reactions_total', 'Reactions by how they ended', ['reaction', 'outcome']);
    this.unreadable = metrics.counter(
      'caregate_malformed_messages_total',
      'Messages that could not be read and went to the dead letters',
      ['topic'],
    );
    this.due = metrics.counter(
      'caregate_events_found_due_total',
      'Events that did not come and were found in the database',
      ['topic'],
    );
    this.missed = metrics.gauge(
      'caregate_event_gaps',
      'Gaps: events that are gone from Kafka unread, and nobody has repaired that yet',
      ['topic'],
    );
    this.durations = metrics.histogram('caregate_reaction_seconds', 'How long an attempt took', ['reaction']);
    this.ages = metrics.histogram(
      'caregate_event_age_seconds',
      'From the change to the end of the reaction to it',
      ['topic', 'reaction'],
      [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600],
    );
    const lag = metrics.gauge('caregate_consumer_lag', 'Messages that are not finished', ['topic', 'partition']);
    const active = metrics.gauge('caregate_reactions_running', 'Reactions that run now');
    collectInto(lag, () => {
      for (const { topic, partition, lag: behind } of lags()) lag.set({ topic, partition: String(partition) }, behind);
    });
    collectInto(active, () => active.set(running()));
  }

  /** Counters begin at nought: Prometheus sees no growth in one that begins at 1. */
  expect(topics: readonly string[], reactions: readonly string[]): void {
    for (const topic of topics) {
      this.unreadable.inc({ topic }, 0);
      this.due.inc({ topic }, 0);
      this.missed.set({ topic }, 0);
      for (const concerned of ['true', 'false']) this.events.inc({ topic, concerned }, 0);
    }
    for (const reaction of reactions) for (const outcome of OUTCOMES) this.outcomes.inc({ reaction, outcome }, 0);
  }

  received(topic: string, concerned: boolean): void {
    this.events.inc({ topic, concerned: String(concerned) });
  }

  reaction(reaction: string, outcome: ReactionOutcome): void {
    this.outcomes.inc({ reaction, outcome });
  }

  /** @param happened when the change was made to which the reaction has ended */
  age(topic: string, reaction: string, happened: Date): void {
    this.ages.observe({ topic, reaction }, Math.max(0, (Date.now() - happened.getTime()) / 1_000));
  }

  foundDue(topic: string, count: number): void {
    this.due.inc({ topic }, count);
  }

  gaps(topics: readonly string[], open: readonly { readonly topic: string }[]): void {
    for (const topic of new Set([...topics, ...open.map((gap) => gap.topic)]))
      this.missed.set({ topic }, open.filter((gap) => gap.topic === topic).length);
  }

  malformed(topic: string): void {
    this.unreadable.inc({ topic });
  }

  start(reaction: string): () => void {
    return this.durations.startTimer({ reaction });
  }
}

/** Reads the gauge when it is asked for, rather than on a timer. */
function collectInto(gauge: object, collect: () => void): void {
  Object.assign(gauge, { collect });
}
