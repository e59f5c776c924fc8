import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccountId } from '@caregate/clinic-model';
import {
  accompanied,
  CaregateError,
  Conflict,
  LOGGER,
  type Logger,
  toCaregateError,
  Unprocessable,
} from '@caregate/service';
import { mongo } from 'mongoose';
import { type Attempt, IdempotencyRepository, type IdempotencyRecord } from './idempotency.repository.ts';
import type { KeyedRequest } from './keyed-request.ts';
import { REPEATABLE } from './repeatable.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
const WAIT_MS = 10_000;
const LOOK_AGAIN_MS = 50;
const LONGEST_ANSWER = 1024 * 1024;

/** A status, what the handler said of the body, and the body as a JSON text; undefined when there is none. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/**
 * Carries out each request with an `Idempotency-Key` once, and gives its answer to whoever sends it again within a day.
 * A record of the request is there before it is carried out, and is marked in the very transaction that does so:
 * a server may stop at any moment and nothing is done twice.
 */
@Injectable()
export class Idempotency {
  constructor(
    private readonly records: IdempotencyRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * @throws {Unprocessable} when the key was used for another request
   * @throws {Conflict} while the same request is still running elsewhere, or when its answer was lost
   * @throws whatever `carryOut` throws; refusals are recorded too, faults of the server are not
   */
  async once(request: KeyedRequest, carryOut: () => Promise<Answer>): Promise<Answer & { readonly repeated: boolean }> {
    const claim = await this.claim(request);
    if ('status' in claim) return { ...claim, repeated: true };
    const renewal = setInterval(() => void this.renew(claim), RENEW_MS);
    try {
      const answer = await accompanied((session) => this.noteCarriedOut(claim, session), carryOut);
      await this.complete(request, claim, answer);
      return { ...answer, repeated: false };
    } catch (thrown) {
      await this.noteFailure(request, claim, thrown);
      throw thrown;
    } finally {
      clearInterval(renewal);
    }
  }

  /** The answer that is recorded, or the right to carry the request out. */
  private async claim(request: KeyedRequest): Promise<Answer | Attempt> {
    const giveUp = Date.now() + WAIT_MS;
    const accountId = await this.accountOf(request);
    for (;;) {
      const fresh = newRecord(request, accountId);
      if (await this.records.insert(fresh)) return fresh;
      const record = await this.records.find(request.id);
      if (record) {
        if (record.fingerprint !== request.fingerprint) throw keyOfAnother();
        if (record.answer)
          return {
            status: record.answer.status,
            headers: record.answer.headers ?? {},
            body: textOf(request.unseal(Buffer.from(record.answer.sealed.buffer))),
          };
        if (record.leaseUntil.getTime() < Date.now()) {
          if (record.carriedOut && !REPEATABLE.has(record.operationId)) throw answerLost();
          if (await this.records.takeOver(record, fresh)) return fresh;
        }
        if (Date.now() > giveUp) throw stillRunning();
        await sleep(LOOK_AGAIN_MS);
      }
    }
  }

  private async accountOf({ accountId, sent }: KeyedRequest): Promise<AccountId | undefined> {
    if (accountId !== undefined) return accountId;
    const { clinicId } = sent.params;
    return typeof clinicId === 'string' ? this.records.accountOf(clinicId) : undefined;
  }

  private async noteCarriedOut(
    attempt: Attempt,
    session: Parameters<IdempotencyRepository['noteCarriedOut']>[1],
  ): Promise<void> {
    // It was away for longer than its lease: another attempt is at it.
    if (!(await this.records.noteCarriedOut(attempt, session))) throw stillRunning();
  }

  private async complete(request: KeyedRequest, attempt: Attempt, { status, headers, body }: Answer): Promise<void> {
    if (body !== undefined && body.length > LONGEST_ANSWER) return this.records.forget(attempt); // reports only, which change nothing
    await this.records.complete(attempt, { status, headers, sealed: new mongo.Binary(request.seal(body ?? '')) });
  }

  private async noteFailure(request: KeyedRequest, attempt: Attempt, thrown: unknown): Promise<void> {
    const { status, message } = toCaregateError(thrown);
    try {
      if (isRefusal(status))
        await this.complete(request, attempt, { status, headers: {}, body: JSON.stringify({ message }) });
      else await this.forgetUnlessDone(attempt);
    } catch (error) {
      // The lease runs out, and then the next request with the key decides.
      this.logger.warn({ err: error }, 'the outcome of a request with an Idempotency-Key could not be recorded');
    }
  }

  /** A fault after the change was committed must not have it made again. */
  private async forgetUnlessDone(attempt: Attempt): Promise<void> {
    const record = await this.records.find(attempt._id);
    if (record?.carriedOut) await this.records.endLease(attempt);
    else await this.records.forget(attempt);
  }

  private async renew(attempt: Attempt): Promise<void> {
    await this.records
      .renew(attempt, leaseFromNow())
      .catch((error) => this.logger.warn({ err: error }, 'a lease could not be renewed'));
  }
}

/** A recorded refusal, told again. */
export class RecordedRefusal extends CaregateError {
  override readonly status: number;

  constructor({ status, body = '{}' }: Answer) {
    super((JSON.parse(body) as { message: string }).message); // as `noteFailure` writes it
    this.status = status;
  }
}

// "Too many requests" and "not signed in" pass; the same request may succeed later.
const isRefusal = (status: number) => status >= 400 && status < 500 && status !== 429 && status !== 401;

const leaseFromNow = () => new Date(Date.now() + LEASE_MS);
const textOf = (text: string) => (text === '' ? undefined : text);

function newRecord({ id, fingerprint, sent }: KeyedRequest, accountId: AccountId | undefined): IdempotencyRecord {
  const now = Date.now();
  return {
    _id: id,
    fingerprint,
    operationId: sent.operationId,
    ...(accountId !== undefined && { accountId }),
    attempt: randomUUID(),
    leaseUntil: leaseFromNow(),
    createdTime: new Date(now),
    expiresTime: new Date(now + DAY_MS),
  };
}

const keyOfAnother = () =>
  new Unprocessable('this Idempotency-Key was used for another request; send each request with a key of its own');
const stillRunning = () =>
  new Conflict('the request with this Idempotency-Key is still being carried out; send it again in a while');
const answerLost = () =>
  new Conflict(
    'the request with this Idempotency-Key was carried out, but the server stopped before it answered; read what it made instead of sending it again',
  );
