import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Conflict, NotFound, Unprocessable } from '@caregate/service';
import { isShardId, isSubdomain, type ShardId } from '@caregate/shard';
import type { AccountDocument } from '../accounts/account.ts';
import { AccountsRepository } from '../accounts/accounts.repository.ts';
import { ConfirmationsService } from '../accounts/confirmations.service.ts';
import { ShardsService } from '../shards/shards.service.ts';
import { MoveImpossible, MoveSteps } from './move-steps.service.ts';
import { MoveRunner } from './move-runner.service.ts';
import { type MoveDocument, moveView } from './move.ts';
import { ClaimLost, LEASE_MS, MovesRepository } from './moves.repository.ts';

/** Moves of accounts between shards, as operators start, watch and stop them. */
@Injectable()
export class MovesService {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly confirmations: ConfirmationsService,
    private readonly shards: ShardsService,
    private readonly moves: MovesRepository,
    private readonly steps: MoveSteps,
    private readonly runner: MoveRunner,
  ) {}

  /**
   * @throws {NotFound} for an unknown account
   * @throws {Unprocessable} for a shard that it cannot move to
   * @throws {Conflict} for one that its owner has not confirmed, while it is moving already, or when something on the other shard is in its way
   */
  async start(subdomain: string, to: string) {
    const account = await this.account(subdomain);
    const move = newMove(account, this.destination(account, to));
    if (!(await this.moves.begin(move))) throw await this.whyNot(account);
    return moveView(await this.prepared(move));
  }

  async list(subdomain: string) {
    const { _id } = await this.account(subdomain);
    return (await this.moves.ofAccount(_id)).map((move) => moveView(move));
  }

  async get(moveId: string) {
    return moveView(await this.move(moveId));
  }

  async cancel(moveId: string) {
    const { phase } = await this.move(moveId);
    if (phase !== 'cancelled' && !(await this.moves.wantCancelled(moveId)))
      throw new Conflict('the account has moved already; move it back instead');
    return this.get(moveId);
  }

  async resume(moveId: string) {
    await this.move(moveId);
    if (!(await this.moves.hurry(moveId))) throw new Conflict('this move is over');
    return this.get(moveId);
  }

  /** The first step is taken at once, so that whoever asked is told what is in the way. A shard that is away is waited for. */
  private async prepared(move: MoveDocument): Promise<MoveDocument> {
    try {
      const prepared = await this.steps.prepare(move, true);
      this.runner.take(prepared);
      return prepared;
    } catch (error) {
      if (error instanceof MoveImpossible) {
        await this.moves.record(move, {
          phase: 'cancelling',
          fault: error.message,
          claim: undefined,
          leaseUntil: undefined,
        });
        throw new Conflict(`the account cannot move: ${error.message}`);
      }
      if (error instanceof ClaimLost) return this.move(move._id); // it took so long that another copy carries it on
      return this.moves.record(move, {
        claim: undefined,
        leaseUntil: undefined,
        fault: error instanceof Error ? error.message : String(error),
      });
    }
  }

  private destination({ shard }: AccountDocument, text: string): ShardId {
    const to = isShardId(text) ? this.shards.find(text) : undefined;
    if (!to || !isShardId(text))
      throw new Unprocessable(`there is no shard ${text}; the shards are ${this.shards.ids.join(', ')}`);
    if (text === shard) throw new Unprocessable(`the account is on shard ${text} already`);
    if (!TAKES_MOVES.has(to.state))
      throw new Unprocessable(`shard ${text} is ${to.state} and takes no accounts; choose one that is open or full`);
    return text;
  }

  private async whyNot({ _id, state }: AccountDocument): Promise<Conflict> {
    if (state === 'unconfirmed')
      return new Conflict(
        'the owner has not confirmed the account yet; it can move when they have opened the mailed link',
      );
    const [latest] = await this.moves.ofAccount(_id);
    if (latest?.open) return new Conflict(`a move of this account to ${latest.to} is running already: ${latest._id}`);
    return new Conflict('the account is still being set up, or has just moved; try again');
  }

  private async account(subdomain: string): Promise<AccountDocument> {
    const kept = isSubdomain(subdomain) ? await this.accounts.bySubdomain(subdomain) : undefined;
    const account = kept && (await this.confirmations.upToDate(kept));
    if (!account) throw new NotFound('there is no account with this subdomain');
    return account;
  }

  private async move(moveId: string): Promise<MoveDocument> {
    const move = await this.moves.byId(moveId);
    if (!move) throw new NotFound('there is no such move');
    return move;
  }
}

function newMove({ _id, subdomain, shard }: AccountDocument, to: ShardId): MoveDocument {
  const now = new Date();
  return {
    _id: randomUUID(),
    accountId: _id,
    subdomain,
    from: shard,
    to,
    phase: 'preparing',
    open: true,
    running: true,
    collections: [],
    cursor: { collection: 0 },
    copied: 0,
    fences: 0,
    mismatches: 0,
    pausedMs: 0,
    claim: randomUUID(),
    claims: 1,
    leaseUntil: new Date(now.getTime() + LEASE_MS),
    notBefore: now,
    failures: 0,
    startedTime: now,
    updatedTime: now,
    history: [{ phase: 'preparing', time: now }],
  };
}

/** A full shard gets nobody by sign-up; an operator may know better of one account. */
const TAKES_MOVES: ReadonlySet<string> = new Set(['open', 'full']);
