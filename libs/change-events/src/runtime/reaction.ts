import { applyDecorators, Catch, type RpcExceptionFilter, UseFilters } from '@nestjs/common';
import { BaseRpcContext, EventPattern } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';
import type { RawMessage, StreamEvent } from './event-stream.ts';
import type { RetryPolicy } from './retry-policy.ts';

export type { EventStream, RawMessage, StreamEvent } from './event-stream.ts';

export interface ReactionDefinition<T> {
  /** Unique and lasting: it is part of the id by which a reaction is known to have happened. */
  readonly name: string;
  readonly stream: string;
  /** Events for which there is nothing to do; they cost no record. Pure, and true for too many rather than too few. */
  readonly when?: (event: T) => boolean;
  readonly retries?: Partial<RetryPolicy>;
  /** Milliseconds after which an attempt counts as failed; 2 minutes unless given. */
  readonly deadline?: number;
  /**
   * What it does leaves the shard, such as an email, so that it cannot be repeated unseen. After a restore nobody knows whether it was done; it is
   * not done again by itself. Any other reaction is repeated then, since the restore has undone what it did.
   */
  readonly outward?: true;
  /** Reactions of one queue have places of their own, so that what is slow, such as mail, keeps nothing else waiting. */
  readonly queue?: string;
}

/** Marks the transport, so that a reaction is bound to no other. */
export const CHANGE_EVENTS = Symbol('CHANGE_EVENTS');

/**
 * Makes a controller's method the reaction to events of a stream. It gets the event's data; what Nest's `@Ctx()` decorates gets the
 * `ReactionContext` (then `@Payload()` says where the data goes). It may return a note for the record, throws `GiveUp` when it can never succeed and anything else to be tried again.
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
