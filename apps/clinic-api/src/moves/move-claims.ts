import { MOVE_CLAIMS, type MoveClaimDocument } from '@caregate/clinic-model';
import { Conflict, inTransaction, isDuplicateKey, MONGO } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { ClientSession, Connection } from 'mongoose';

/** A move, and the number of the claim under which the directory asks for something of it. */
export interface ClaimedMove {
  readonly moveId: string;
  readonly claim: number;
}

/**
 * Of two copies of the directory that take themselves for the one that works at a move, only the later one is listened to. The other has slept
 * beyond its lease, and what it read before is old by now (docs/decisions/moves.md).
 */
@Injectable()
export class MoveClaims {
  constructor(@Inject(MONGO) private readonly connection: Connection) {}

  /** From now on nothing of an earlier claim is done. @throws {Conflict} when a later one is known */
  announce(move: ClaimedMove): Promise<void> {
    return this.under(move, async () => undefined);
  }

  /** Does a step of a move in one transaction with the look whether it is still of the latest claim. @throws {Conflict} when it is not */
  under<T>(move: ClaimedMove, step: (session: ClientSession) => Promise<T>): Promise<T> {
    return inTransaction(this.connection, async (session) => {
      await this.assertLatest(move, session);
      return step(session);
    });
  }

  /** As `under`, in a transaction that is running; it writes, so that of two such transactions at once one comes first. */
  async assertLatest({ moveId, claim }: ClaimedMove, session: ClientSession): Promise<void> {
    try {
      await this.connection
        .collection<MoveClaimDocument>(MOVE_CLAIMS)
        .updateOne(
          { _id: moveId, claim: { $lte: claim } },
          { $set: { claim }, $currentDate: { time: true } },
          { upsert: true, session },
        );
    } catch (error) {
      // There is one with this id, and it does not match: its claim is a later one.
      if (isDuplicateKey(error)) throw new Conflict('another copy of the directory works at this move by now');
      throw error;
    }
  }
}
