import { LOGGER, type Logger, Metrics, MONGO } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';
import type { MoveDocument, MovePhase } from '../moves/move.ts';

type Seen = Pick<MoveDocument, 'phase' | 'failures' | 'updatedTime' | 'history' | 'fault' | 'cancelWanted'>;

/** Phases in which the account's writers are refused. */
const FENCED: ReadonlySet<MovePhase> = new Set(['fencing', 'settling']);
/** Nothing is done in it: what was left behind is kept for a while. */
const IDLE: MovePhase = 'waiting';
const GIVEN_UP_FOR_MS = 3_600_000;
const ASKED_WITHIN_MS = 2_000;

/** What figures tell of the directory's moves of accounts, read from the database when the figures are: any copy of the directory tells it of all. */
@Injectable()
export class MoveFigures {
  private looking: ReturnType<MoveFigures['look']> | undefined;

  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(LOGGER) private readonly logger: Logger,
    metrics: Metrics,
  ) {
    const running = metrics.gauge('caregate_moves_running', 'Moves of accounts that have something to do');
    const failures = metrics.gauge(
      'caregate_move_failures',
      'Attempts in a row at one move that did not get on, of the move that has most',
    );
    const silent = metrics.gauge(
      'caregate_move_silent_seconds',
      'Since a move under way recorded anything, of the move for which it is longest',
    );
    const fenced = metrics.gauge(
      'caregate_move_fenced_seconds',
      'Since a move has refused the writers of its account, of the move for which it is longest',
    );
    const givenUp = metrics.gauge('caregate_moves_given_up', 'Moves that an obstacle ended within the last hour');
    const all = [
      [running, 'running'],
      [failures, 'failures'],
      [silent, 'silentSeconds'],
      [fenced, 'fencedSeconds'],
      [givenUp, 'givenUp'],
    ] as const;
    // Figures are collected side by side, and each must be of this scrape.
    for (const [gauge, name] of all) {
      const collect = async () => {
        const found = await this.lookOnce();
        if (found) gauge.set(found[name]);
      };
      Object.assign(gauge, { collect });
    }
  }

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection('moves').createIndexes([
      { key: { updatedTime: 1 }, partialFilterExpression: { phase: 'cancelled' }, name: 'cancelled' }, // givenUp
    ]);
  }

  /** One question serves all figures of a scrape. */
  private lookOnce(): ReturnType<MoveFigures['look']> {
    this.looking ??= this.look().finally(() => (this.looking = undefined));
    return this.looking;
  }

  /** Undefined while the database is away: then the figures stay what they were. */
  private async look() {
    try {
      const [moves, givenUp] = await Promise.all([this.underWay(), this.givenUp()]);
      return figuresOf(moves, givenUp, Date.now());
    } catch (error) {
      this.logger.debug({ err: error }, 'moves could not be counted');
      return undefined;
    }
  }

  /** Index `running`. */
  private underWay(): Promise<Seen[]> {
    return this.moves
      .find({ running: true }, { projection: { phase: 1, failures: 1, updatedTime: 1, history: 1 } })
      .maxTimeMS(ASKED_WITHIN_MS)
      .toArray();
  }

  /** Index `cancelled`. */
  private givenUp(): Promise<number> {
    return this.moves.countDocuments(
      {
        phase: 'cancelled',
        updatedTime: { $gt: new Date(Date.now() - GIVEN_UP_FOR_MS) },
        fault: { $exists: true },
        cancelWanted: { $exists: false },
      },
      { maxTimeMS: ASKED_WITHIN_MS },
    );
  }

  private get moves() {
    return this.connection.collection<MoveDocument>('moves');
  }
}

export function figuresOf(moves: readonly Seen[], givenUp: number, now: number) {
  const secondsSince = (time: Date | undefined) => (time ? Math.max(0, now - time.getTime()) / 1_000 : 0);
  const busy = moves.filter(({ phase }) => phase !== IDLE);
  const fenced = busy.filter(({ phase }) => FENCED.has(phase));
  const fencedSince = ({ history }: Seen) => history.findLast(({ phase }) => phase === 'fencing')?.time;
  return {
    running: moves.length,
    failures: largest(busy.map(({ failures }) => failures)),
    silentSeconds: largest(busy.map(({ updatedTime }) => secondsSince(updatedTime))),
    fencedSeconds: largest(fenced.map((move) => secondsSince(fencedSince(move)))),
    givenUp,
  };
}

const largest = (figures: readonly number[]) => Math.max(0, ...figures);
