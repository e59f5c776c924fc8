import { ANY_ACCOUNT, assertUserLivesHere } from '@caregate/clinic-model';
import { type Permissions, SharingRepository, type UserId } from '@caregate/identity';
import { InjectMongo, inTransaction } from '@caregate/service';
import { Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';
import { AccountDoor } from './account-door.ts';

/** What users share with each other, where it is kept: in the clinic database, whose changes the gatekeeper database follows. */
@Injectable()
export class DirectSharing {
  private readonly sharing;

  constructor(
    @InjectMongo() private readonly connection: Connection,
    private readonly door: AccountDoor,
  ) {
    this.sharing = new SharingRepository(connection);
  }

  /**
   * Users move with the accounts that name them, and what they share with them.
   * @throws {ServiceUnavailable} while any account is about to move
   * @throws {NotFound} when the user who shares has left with an account
   */
  set(sharerId: UserId, granteeId: UserId, permissions: Permissions): Promise<void> {
    return this.door.through(ANY_ACCOUNT, () =>
      inTransaction(this.connection, async (session) => {
        await assertUserLivesHere(this.connection, sharerId, session);
        await this.sharing.set(sharerId, granteeId, permissions, session);
      }),
    );
  }
}
