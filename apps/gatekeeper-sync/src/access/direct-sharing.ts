import { ANY_ACCOUNT, assertUserLivesHere } from '@caregate/clinic-model';
import { type Permissions, SharingRepository, type UserId } from '@caregate/identity';
import { Forbidden, InjectMongo, inTransaction } from '@caregate/service';
import { Injectable } from '@nestjs/common';
import type { ClientSession, Connection } from 'mongoose';
import { AccountDoor } from './account-door.ts';
import { ClinicsServedHere } from './clinics-served-here.ts';
import { isEmpty, mayShare, united } from './permissions.ts';
import { type ClinicRows, throughClinics } from './through-clinics.ts';

/** What users share with each other, where it is kept: in the clinic database, whose changes the gatekeeper database follows. */
@Injectable()
export class DirectSharing {
  private readonly sharing;

  constructor(
    @InjectMongo() private readonly connection: Connection,
    private readonly door: AccountDoor,
    private readonly clinics: ClinicsServedHere,
  ) {
    this.sharing = new SharingRepository(connection);
  }

  /**
   * Whether somebody other than the user may do it is asked here once more, of the clinic database and in the same transaction: the gate
   * looked at copies, which may be behind, and before the body was there.
   * Users move with the accounts that name them, and what they share with them.
   * @throws {ServiceUnavailable} while any account is about to move
   * @throws {NotFound} when the user who shares has left with an account
   * @throws {Forbidden} when `by` may not change what the user shares
   */
  set(sharerId: UserId, granteeId: UserId, permissions: Permissions, by: Sharer): Promise<void> {
    return this.door.through(ANY_ACCOUNT, () =>
      inTransaction(this.connection, async (session) => {
        await assertUserLivesHere(this.connection, sharerId, session);
        const leaves = by === granteeId && isEmpty(permissions);
        if (by !== 'service' && by !== sharerId && !mayShare(await this.heldBy(by, sharerId, session), { leaves }))
          throw new Forbidden();
        await this.sharing.set(sharerId, granteeId, permissions, session);
      }),
    );
  }

  /** What the grantee may do with the user's data, directly and through clinics, by the clinic database. */
  private async heldBy(granteeId: UserId, userId: UserId, session: ClientSession): Promise<Permissions> {
    const collections = {
      patients: this.connection.collection('patients'),
      clinicians: this.connection.collection('clinicians'),
    } as unknown as ClinicRows; // what these collections hold
    const direct = await this.sharing.of(userId, granteeId, session);
    const through = await throughClinics(collections, this.clinics, { userId, granteeId }, session);
    return united([direct, ...through]);
  }
}

/** Who changes what a user shares. */
export type Sharer = UserId | 'service';
