import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, LOGGER, type Logger } from '@caregate/service';
import type { DirectoryConfig } from '../config.ts';
import { ShardsService } from '../shards/shards.service.ts';
import type { MoveDocument } from './move.ts';
import { MovesRepository } from './moves.repository.ts';
import { type ChangesPage, type OfMove, ShardMoves, ShardRefused } from './shard-moves.ts';
import { PageSize } from './page-size.ts';
import { differing, Suspects } from './suspects.ts';

/** How long a fence lasts when whoever set it is not heard of again. */
const FENCE_MS = 3_000;
const DRAIN_MS = 500;
/** Writers wait about as long as bringing the last changes took before; if that stays long, they have to. */
const SHORT_ROUND_MS = 150;
const MOST_ROUNDS = 8;
const MOST_SUSPECTS = 20_000;
const FEW_SUSPECTS = 20;
const AT_ONCE = 2_000;
const MOST_MISMATCHES = 5;

/** Something that waiting will not mend: the move is given up and the account stays. */
export class MoveImpossible extends Error {
  override readonly name = 'MoveImpossible';
}

/** One attempt at a move: what it knows beside what is recorded. */
export interface Attempt {
  suspects?: Suspects;
  pageSize?: PageSize;
  /** It saw to it itself that the account is served where it moved to. */
  served?: boolean;
}

/**
 * The steps of a move, each from what is recorded to what is recorded next (design, decision 9). Each can be repeated: a crash anywhere
 * goes on with the step that was not recorded. Nothing of the account is kept here, only carried.
 */
@Injectable()
export class MoveSteps {
  constructor(
    private readonly moves: MovesRepository,
    private readonly shard: ShardMoves,
    private readonly shards: ShardsService,
    @Inject(CONFIG) private readonly config: DirectoryConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Before anything else of a new claim: what whoever had the move before still asks for is refused from now on, however late it comes. */
  async announce(move: MoveDocument): Promise<void> {
    await this.shard.claim(move.from, of(move));
    await this.shard.claim(move.to, of(move));
  }

  /** @throws {MoveImpossible} @throws {ShardRefused} and others, after which the step is tried again */
  next(move: MoveDocument, attempt: Attempt): Promise<MoveDocument> {
    switch (move.phase) {
      case 'preparing':
        return this.prepare(move);
      case 'copying':
        return this.copy(move);
      case 'comparing':
        return this.orAnew(move, this.compare(move, attempt));
      case 'catchingUp':
        return this.orAnew(move, this.catchUp(move, attempt));
      case 'fencing':
        return this.fence(move, attempt);
      case 'settling':
        return this.settle(move, attempt);
      case 'waiting':
        return this.moves.record(move, { phase: 'purging' });
      case 'purging':
        return this.purge(move);
      default:
        return this.cancel(move);
    }
  }

  /** @param first of a new move: what was left on the other shard by an earlier one is then not deleted yet, since that can take long */
  async prepare(move: MoveDocument, first = false): Promise<MoveDocument> {
    const { accountId, from, to } = move;
    const { account, token, collections } = await this.shard.beginDeparture(from, of(move));
    const { ready, leftOver } = await orImpossible(this.shard.beginArrival(to, of(move), account));
    if (!ready && first) return move;
    if (!ready) {
      await this.clear(move, leftOver ?? '');
      return this.moves.record(move, {});
    }
    await this.moves.endEarlier(accountId, to);
    return this.moves.record(move, {
      phase: 'copying',
      token,
      collections,
      cursor: { collection: 0 },
      copied: 0,
      copyingSince: new Date(),
    });
  }

  /** It comes back to a shard that still keeps what it left behind there: that goes first. */
  private async clear({ accountId, to }: MoveDocument, earlierId: string): Promise<void> {
    const earlier = await this.moves.byId(earlierId);
    if (earlier?.movedTime) {
      await this.followLate(earlier, async (_, token) => ({ ...earlier, token })).catch((error) => {
        if (!(error instanceof ShardRefused)) throw error;
      });
    }
    await this.shard.purge(to, { accountId, moveId: earlierId, claim: 0 }); // a purge may be repeated by anybody
  }

  private async copy(move: MoveDocument): Promise<MoveDocument> {
    const { from, to, cursor, collections } = move;
    const current = collections[cursor.collection];
    if (!current) return this.moves.record(move, { phase: 'comparing' });
    const page = await this.shard.documents(from, of(move), current.collection, cursor.after);
    if (page.batch !== '') await orImpossible(this.shard.bring(to, of(move), page.batch));
    const next =
      page.next === undefined
        ? { collection: cursor.collection + 1 }
        : { collection: cursor.collection, after: page.next };
    return this.moves.record(move, { cursor: next, copied: move.copied + page.count });
  }

  /** Compares all documents of both sides while the account is in use; what differs now is looked at again when it is fenced. */
  private async compare(move: MoveDocument, attempt: Attempt): Promise<MoveDocument> {
    const suspects = new Suspects();
    let current = await this.follow(move, suspects, ({ caughtUp }) => caughtUp);
    for (const { collection, late } of current.collections) {
      if (late) continue;
      for (let after: string | undefined, more = true; more;) {
        const page = await this.comparePage(current, attempt, collection, after);
        current = page.move;
        for (const id of page.differing) suspects.add({ collection, id });
        [after, more] = [page.next, page.next !== undefined];
      }
      current = await this.moves.record(current, {}); // a sign of life, and a look whether it is to be cancelled
      if (current.cancelWanted) return current;
    }
    attempt.suspects = suspects;
    return this.moves.record(current, { phase: 'catchingUp', fault: undefined });
  }

  /** The next documents of a collection on both sides: fewer, when a shard is too slow for so many, in place of beginning again. */
  private async comparePage(move: MoveDocument, attempt: Attempt, collection: string, after: string | undefined) {
    const size = (attempt.pageSize ??= new PageSize());
    for (let current = move; ;) {
      const limit = size.current;
      try {
        const source = await this.shard.fingerprints(current.from, of(current), { collection, after, limit });
        const until = source.next;
        const target = await this.shard.fingerprints(current.to, of(current), { collection, after, until });
        return { move: current, differing: differing(source.documents, target.documents), next: until };
      } catch (error) {
        if (!size.shrinkAfter(error)) throw error;
        const fault = `comparing ${limit} documents of ${collection} took a shard too long; going on with ${size.current} at a time`;
        this.logger.info({ moveId: move._id, collection, limit: size.current }, fault);
        current = await this.moves.record(current, { fault });
      }
    }
  }

  private async catchUp(move: MoveDocument, attempt: Attempt): Promise<MoveDocument> {
    const { suspects } = attempt;
    if (!suspects || suspects.size > MOST_SUSPECTS) return this.moves.record(move, { phase: 'comparing' });
    let rounds = 0;
    let current = await this.follow(
      move,
      suspects,
      ({ caughtUp }, tookMs) => caughtUp && (tookMs < SHORT_ROUND_MS || ++rounds === MOST_ROUNDS),
    );
    if (suspects.size > FEW_SUSPECTS) {
      const fewer = (attempt.suspects = await this.stillSuspect(current, suspects));
      current = await this.follow(current, fewer, ({ caughtUp }) => caughtUp);
    }
    return this.moves.record(current, { phase: 'fencing', lagMs: 0 });
  }

  /** Those that differ now. One that is the same on both sides now and is changed later is met again in the change stream. */
  private async stillSuspect(move: MoveDocument, suspects: Suspects): Promise<Suspects> {
    const still = new Suspects();
    for (const { collection, ids } of suspects.inParts(AT_ONCE)) {
      const [source, target] = await Promise.all([
        this.shard.fingerprints(move.from, of(move), { collection, ids }),
        this.shard.fingerprints(move.to, of(move), { collection, ids }),
      ]);
      for (const id of differing(source.documents, target.documents)) still.add({ collection, id });
    }
    return still;
  }

  /** Writers wait from here until the account is served on the other shard, or stays. */
  private async fence(move: MoveDocument, attempt: Attempt): Promise<MoveDocument> {
    const { suspects } = attempt;
    if (!suspects) return this.unfence(move, 'comparing'); // a crash in here: all that was fenced is free again
    const { _id: moveId, from, to } = move;
    const fenceId = `${moveId}-${move.fences + 1}`;
    const current = await this.moves.record(move, { fences: move.fences + 1 });
    const began = performance.now();
    const took: Record<string, number> = {};
    const lap = (what: string) => (took[what] = Math.round(performance.now() - began));
    try {
      await this.shard.fence(from, of(move), { fenceId, forMs: FENCE_MS, withinMs: DRAIN_MS });
      lap('fenced');
      const fenced = await this.follow(current, suspects, ({ drained }) => drained === fenceId);
      lap('followed');
      if (!(await this.agree(fenced, suspects))) return await this.startOver(fenced, began);
      lap('compared');
      await this.shard.seal(from, of(move), fenceId);
      const region = this.shards.find(to)?.region;
      if (region === undefined) throw new Error(`shard ${to} is not listed any more`);
      const flipped = await this.moves.flip(fenced, region, { phase: 'settling', pausedMs: pausedBy(fenced, began) });
      if (!flipped) return await this.moves.record(fenced, { phase: 'cancelling' });
      lap('flipped');
      await this.shard.activate(to, of(move));
      lap('active');
      await this.shard.complete(from, of(move), to, flipped.subdomain);
      lap('complete');
      attempt.served = true;
      this.logger.info({ moveId, suspects: suspects.size, ms: took }, 'the account has moved');
      return await this.moves.record(flipped, { pausedMs: pausedBy(fenced, began) });
    } catch (error) {
      if (!(error instanceof ShardRefused)) throw error;
      const now = await this.moves.byId(moveId);
      if (now?.movedTime) throw error; // it has moved: the rest is done by `settle`
      // Writes under way took too long, or the fence has lifted: writers go on, and it is tried again.
      this.logger.info({ moveId, reason: error.message }, 'the account could not be fenced; trying again');
      const free = await this.unfence(current, 'catchingUp', pausedBy(current, began));
      return this.moves.record(free, {
        notBefore: new Date(Date.now() + waitAfter(free.fences)),
        fault: error.message,
      });
    }
  }

  private async unfence(
    move: MoveDocument,
    phase: 'comparing' | 'catchingUp',
    pausedMs = move.pausedMs,
  ): Promise<MoveDocument> {
    await this.shard.cancelDeparture(move.from, of(move));
    return this.moves.record(move, { phase, pausedMs });
  }

  /** Whether both sides hold the same documents, as far as that was not known before, and as many. */
  private async agree(move: MoveDocument, suspects: Suspects): Promise<boolean> {
    const { from, to } = move;
    const differences = await Promise.all(
      [...suspects.inParts(AT_ONCE)].map(async ({ collection, ids }) => {
        const wanted = { collection, ids, counted: true };
        const [source, target] = await Promise.all([
          this.shard.fingerprints(from, of(move), wanted),
          this.shard.fingerprints(to, of(move), wanted),
        ]);
        const unequal = differing(source.documents, target.documents);
        if (unequal.length > 0 || source.count !== target.count) {
          this.logger.warn(
            { moveId: move._id, collection, ids: unequal.slice(0, 20), from: source.count, to: target.count },
            'both sides differ',
          );
          return 1;
        }
        return 0;
      }),
    );
    return differences.every((each) => each === 0);
  }

  private async startOver(move: MoveDocument, began: number): Promise<MoveDocument> {
    if (move.mismatches + 1 >= MOST_MISMATCHES)
      throw new MoveImpossible('both shards do not agree on what belongs to the account; see the log');
    const free = await this.unfence(move, 'comparing', pausedBy(move, began));
    return this.anew(free, 'both sides did not agree; copying again', move.mismatches + 1);
  }

  /** A place in the change stream that is not known any more (409) leaves nothing but to begin again. */
  private async orAnew(move: MoveDocument, step: Promise<MoveDocument>): Promise<MoveDocument> {
    try {
      return await step;
    } catch (error) {
      if (!(error instanceof ShardRefused) || error.status !== 409) throw error;
      return this.anew(move, error.message);
    }
  }

  /** Copies all again, from nothing: what was deleted unseen would stay otherwise. */
  private async anew(move: MoveDocument, fault: string, mismatches = move.mismatches): Promise<MoveDocument> {
    while (!(await this.shard.cancelArrival(move.to, of(move))).done) await this.moves.record(move, {});
    return this.moves.record(move, { phase: 'preparing', fault, mismatches });
  }

  /** The account has moved. What may still have been written where it was, such as a read that just ended, follows. */
  private async settle(move: MoveDocument, { served }: Attempt): Promise<MoveDocument> {
    const { from, to, subdomain } = move;
    await this.shard.activate(to, of(move));
    await this.shard.complete(from, of(move), to, subdomain);
    const current = await this.followLate(move);
    return this.moves.record(current, {
      phase: 'waiting',
      fault: undefined,
      // After a crash at this point nobody was served until now.
      ...(!served && { pausedMs: move.pausedMs + Date.now() - (move.movedTime ?? new Date()).getTime() }),
      notBefore: new Date(Date.now() + this.config.MOVE_GRACE_SECONDS * 1_000),
    });
  }

  private async purge(move: MoveDocument): Promise<MoveDocument> {
    const { from } = move;
    const current = await this.followLate(move).catch((error) => {
      // It may be back there, or have moved on: then there is nothing to follow. What cannot be reached is tried again.
      if (error instanceof ShardRefused && (error.status === 409 || error.status === 404)) return move;
      throw error;
    });
    const { done } = await this.shard.purge(from, of(move));
    return this.moves.record(current, done ? { phase: 'done', running: undefined } : {});
  }

  private async followLate(
    move: MoveDocument,
    note = (current: MoveDocument, token: string) => this.moves.record(current, { token }),
  ): Promise<MoveDocument> {
    const { from, to } = move;
    let current = move;
    for (;;) {
      const page = await this.shard.changes(from, of(move), current.token ?? '', true);
      if (page.count > 0) await this.shard.bring(to, of(move), page.batch);
      current = await note(current, page.token);
      if (page.caughtUp) return current;
    }
  }

  private async cancel(move: MoveDocument): Promise<MoveDocument> {
    const { accountId, from, to } = move;
    await this.shard.cancelDeparture(from, of(move));
    const { done } = await this.shard.cancelArrival(to, of(move));
    if (!done) return this.moves.record(move, {});
    await this.moves.stays(accountId, from);
    return this.moves.record(move, { phase: 'cancelled', running: undefined, open: undefined });
  }

  /** Brings changes to the other shard until a page says that it is enough. */
  private async follow(
    move: MoveDocument,
    suspects: Suspects,
    enough: (page: ChangesPage, tookMs: number) => boolean,
  ): Promise<MoveDocument> {
    const { from, to } = move;
    let current = move;
    for (;;) {
      const began = performance.now();
      const page = await this.shard.changes(from, of(move), current.token ?? '');
      if (page.count > 0) await orImpossible(this.shard.bring(to, of(move), page.batch));
      for (const each of page.touched) suspects.add(each);
      current = await this.moves.record(current, { token: page.token, lagMs: page.lagMs ?? 0 });
      if (enough(page, performance.now() - began) || current.cancelWanted) return current;
    }
  }
}

const of = ({ _id, accountId, claims = 1 }: MoveDocument): OfMove => ({ accountId, moveId: _id, claim: claims });

/** Each attempt makes writers wait, so they come more and more seldom: after half a second, up to half a minute. */
const waitAfter = (fences: number) => Math.min(30_000, DRAIN_MS * 2 ** (fences - 1));

const pausedBy = (move: MoveDocument, began: number) => move.pausedMs + (performance.now() - began);

/** What is in the way on the other shard stays in the way. */
async function orImpossible<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ShardRefused && error.status === 409) throw new MoveImpossible(error.message);
    throw error;
  }
}
