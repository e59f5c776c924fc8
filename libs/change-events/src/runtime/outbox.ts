import type { Message, Producer } from 'kafkajs';
import type { Topics } from '../topics.ts';
import { Batched } from './batched.ts';
import { burialKey, type DeadLetter, writeDeadLetter } from './dead-letter.ts';
import type { RawMessage } from './event-stream.ts';
import { inRequests } from './requests.ts';
import type { UntilDone } from './until-done.ts';
import { toRetryMessage, type WaitingFor } from './waiting-message.ts';

export interface OutboxSettings {
  readonly producer: Producer;
  readonly topics: Pick<Topics, 'retry' | 'deadLetters'>;
  readonly untilDone: UntilDone;
  /** Aborted when a shutdown can wait no longer. */
  readonly outOfTime: AbortSignal;
}

interface Outgoing {
  readonly topic: string;
  readonly message: Message;
}

/** What the runtime writes to Kafka: messages that wait, and messages that nobody can deal with. */
export class Outbox {
  private readonly settings: OutboxSettings;
  private readonly outgoing = new Batched<Outgoing, void>((all) => this.send(all));

  constructor(settings: OutboxSettings) {
    this.settings = settings;
  }

  letWait(message: RawMessage, waitingFor: WaitingFor): Promise<void> {
    return this.write(this.settings.topics.retry, toRetryMessage(message, waitingFor));
  }

  /** Of a message that waits already. */
  letWaitOn({ key, value, headers }: RawMessage): Promise<void> {
    return this.write(this.settings.topics.retry, { key, value, headers: { ...headers } });
  }

  bury(dead: Omit<DeadLetter, 'time'>): Promise<void> {
    const letter = { ...dead, time: new Date() };
    return this.write(this.settings.topics.deadLetters, { key: burialKey(letter), value: writeDeadLetter(letter) });
  }

  private write(topic: string, message: Message): Promise<void> {
    const { untilDone, outOfTime } = this.settings;
    return untilDone(`write to ${topic}`, outOfTime, () => this.outgoing.do({ topic, message }));
  }

  /** In their order: what is behind in a lane must not come before. */
  private async send(all: readonly Outgoing[]): Promise<void[]> {
    for (const request of inRequests(all)) {
      const topicMessages = [...Map.groupBy(request, ({ topic }) => topic)].map(([topic, some]) => ({
        topic,
        messages: some.map(({ message }) => message),
      }));
      await this.settings.producer.sendBatch({ acks: -1, topicMessages });
    }
    return all.map(() => undefined);
  }
}
