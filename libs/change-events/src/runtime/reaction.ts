import { applyDecorators, Catch, type RpcExceptionFilter, UseFilters } from '@nestjs/common';
import { BaseRpcContext, EventPattern } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';
import type { RetryPolicy } from './retry-policy.ts';

/** A message as it lies in a topic. */
export interface RawMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly time: Date;
}

/** An event of a stream: what happened (`data`), to what, and when. */
export interface StreamEvent<T = unknown> {
  /** The same for every delivery of the event: the resume token, or a CloudEvent's source and id. */
  readonly id: string;
  /** What must keep its order: the document's id, or the user's. */
  readonly key: string;
  readonly time: Date;
  readonly data: T;
}

/** A topic and how to read it. */
export interface EventStream<T = unknown> {
  /** The name that reactions use. */
  readonly name: string;
  readonly topic: string;
  /** Reads a message; undefined for one that says nothing (a compaction tombstone). Throws for one that is malformed. */
  readonly decode: (message: RawMessage) => StreamEvent<T> | undefined;
}

export interface ReactionDefinition<T> {
  /** Unique and lasting: it is part of the id by which a reaction is known to have happened. */
  readonly name: string;
  readonly stream: string;
  /** Events for which there is nothing to do; they cost no record. Pure, and true for too many rather than too few. */
  readonly when?: (event: T) => boolean;
  readonly retries?: Partial<RetryPolicy>;
  /** Milliseconds after which an attempt counts as failed; 2 minutes unless given. */
  readonly deadline?: number;
}

/** Marks the transport, so that a reaction is bound to no other. */
export const CHANGE_EVENTS = Symbol('CHANGE_EVENTS');

/**
 * Makes a controller's method the reaction to events of a stream. It gets the event's data and a `ReactionContext`,
 * may return a note for the record, throws `GiveUp` when it can never succeed and anything else to be tried again.
 * It runs once for each event as seen from outside, except after a crash between its work and the note of it: then again, with the same id.
 */
export function Reaction<T>(definition: ReactionDefinition<T>): MethodDecorator {
  return applyDecorators(
    EventPattern<string>(definition.name, CHANGE_EVENTS, { reaction: definition }),
    UseFilters(new PassOn()),
  );
}

/** Nest would turn errors into "Internal server error"; the runtime needs the error itself. */
@Catch()
class PassOn implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

export interface ReactionAttempt {
  /** Deterministic: the same for each attempt and each delivery. Whatever the reaction sends outward can be named by it. */
  readonly reactionId: string;
  /** From 1. */
  readonly attempt: number;
  readonly event: StreamEvent;
  readonly origin: Pick<RawMessage, 'topic' | 'partition' | 'offset'>;
  /** Aborted when the attempt is over its deadline, has lost its lease, or the process must stop. */
  readonly signal: AbortSignal;
}

/** What a reaction knows about the attempt that runs it. */
export class ReactionContext extends BaseRpcContext<[ReactionAttempt]> {
  get attempt(): ReactionAttempt {
    return this.args[0];
  }
  get reactionId(): string {
    return this.attempt.reactionId;
  }
  get signal(): AbortSignal {
    return this.attempt.signal;
  }
}
