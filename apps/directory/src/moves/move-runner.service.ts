import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { LOGGER, type Logger, Metrics } from '@caregate/service';
import type { MoveDocument } from './move.ts';
import { type Attempt, MoveImpossible, MoveSteps } from './move-steps.service.ts';
import { ClaimLost, LEASE_MS, MovesRepository } from './moves.repository.ts';

const PAUSE_MS = 200;
const AT_ONCE = 4;
const LONGEST_WAIT_MS = 30_000;
const OVER = new Set(['done', 'cancelled']);

/** Carries moves on, here or on another copy of the directory, until there is nothing more to do. */
@Injectable()
export class MoveRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopped = Promise.withResolvers<void>();
  private readonly working = new Set<Promise<void>>();
  private running: Promise<void> = Promise.resolve();
  private leaving = false;
  private readonly gauge;

  constructor(
    private readonly moves: MovesRepository,
    private readonly steps: MoveSteps,
    @Inject(LOGGER) private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.gauge = metrics.gauge('caregate_moves_here', 'Moves of accounts that this copy of the directory works at');
  }

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.leaving = true;
    this.stopped.resolve();
    await this.running;
    await Promise.all(this.working);
  }

  /** Works at a move that the caller has claimed. */
  take(move: MoveDocument): void {
    const work = this.carryOn(move).finally(() => {
      this.working.delete(work);
      this.gauge.set(this.working.size);
    });
    this.working.add(work);
    this.gauge.set(this.working.size);
  }

  private async run(): Promise<void> {
    while (!this.leaving) {
      try {
        while (!this.leaving && this.working.size < AT_ONCE) {
          const move = await this.moves.claim(new Date());
          if (!move) break;
          this.take(move);
        }
      } catch (error) {
        this.logger.debug({ err: error }, 'moves could not be read; trying again');
      }
      await this.pause();
    }
  }

  private async carryOn(claimed: MoveDocument): Promise<void> {
    const renewal = setInterval(() => void this.moves.renew(claimed).catch(() => {}), LEASE_MS / 4);
    const attempt: Attempt = {};
    let move = claimed;
    try {
      await this.steps.announce(move);
      while (!this.leaving && !OVER.has(move.phase) && move.notBefore.getTime() <= Date.now()) {
        if (move.cancelWanted && move.open && move.phase !== 'cancelling')
          move = await this.moves.record(move, { phase: 'cancelling' });
        const { phase } = move;
        move = await this.steps.next(move, attempt);
        if (move.phase !== phase)
          this.logger.info({ moveId: move._id, accountId: move.accountId, phase: move.phase }, 'a move goes on');
      }
      await this.moves.record(move, { claim: undefined, leaseUntil: undefined, failures: 0 });
    } catch (error) {
      await this.leave(claimed, error);
    } finally {
      clearInterval(renewal);
    }
  }

  /** Notes why it does not go on, and when it will be tried again. */
  private async leave({ _id, claim }: MoveDocument, error: unknown): Promise<void> {
    if (error instanceof ClaimLost) return;
    const fault = error instanceof Error ? error.message : String(error);
    this.logger.warn({ moveId: _id, fault }, 'a move cannot go on just now');
    try {
      const move = await this.moves.byId(_id);
      if (!move || move.claim !== claim) return;
      const failures = move.failures + 1;
      const givenUp = error instanceof MoveImpossible && move.movedTime === undefined;
      const wait = Math.min(LONGEST_WAIT_MS, 250 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
      await this.moves.record(move, {
        fault,
        failures,
        claim: undefined,
        leaseUntil: undefined,
        notBefore: new Date(Date.now() + (givenUp ? 0 : wait)),
        ...(givenUp && { phase: 'cancelling' }),
      });
    } catch (inner) {
      this.logger.debug({ err: inner }, 'what stopped a move could not be noted');
    }
  }

  private async pause(): Promise<void> {
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, PAUSE_MS);
    await Promise.race([timer.promise, this.stopped.promise]);
    clearTimeout(timeout);
  }
}
