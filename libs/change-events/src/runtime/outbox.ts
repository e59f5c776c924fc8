import type { Message, Producer } from 'kafkajs';
import type { Topics } from '../topics.ts';
import { burialKey, type DeadLetter, writeDeadLetter } from './dead-letter.ts';
import type { RawMessage } from './event-stream.ts';
import type { UntilDone } from './until-done.ts';
import { toRetryMessage, type WaitingFor } from './waiting-message.ts';

export interface OutboxSettings {
  readonly producer: Producer;
  readonly topics: Pick<Topics, 'retry' | 'deadLetters'>;
  readonly untilDone: UntilDone;
  /** Aborted when a shutdown can wait no longer. */
  readonly outOfTime: AbortSignal;
}

/** What the runtime writes to Kafka: messages that wait, and messages that nobody can deal with. */
export class Outbox {
  private readonly settings: OutboxSettings;

  constructor(settings: OutboxSettings) {
    this.settings = settings;
  }

  letWait(message: RawMessage, waitingFor: WaitingFor): Promise<void> {
    return this.write(this.settings.topics.retry, toRetryMessage(message, waitingFor));
  }

  bury(dead: Omit<DeadLetter, 'time'>): Promise<void> {
    const letter = { ...dead, time: new Date() };
    return this.write(this.settings.topics.deadLetters, { key: burialKey(letter), value: writeDeadLetter(letter) });
  }

  private async write(topic: string, message: Message): Promise<void> {
    const { producer, untilDone, outOfTime } = this.settings;
    await untilDone(`write to ${topic}`, outOfTime, () => producer.send({ topic, acks: -1, messages: [message] }));
  }
}
