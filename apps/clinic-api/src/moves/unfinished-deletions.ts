import { type AccountId, type AccountScope, RECORDS_OF_USERS, SHARING } from '@caregate/clinic-model';
import { USER_EVENTS } from '@caregate/identity';
import { MONGO, ServiceUnavailable } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';
import { BelongingsRepository } from './belongings.repository.ts';

/** So many ids are looked for in one query. */
const AT_ONCE = 1_000;

/**
 * Users whose accounts have ended and who are still named by an account. The worker removes them, of the shard on which they were deleted:
 * where the account moves to nobody knows of the deletion, and gatekeeper would let clinicians see them.
 */
@Injectable()
export class UnfinishedDeletions {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    private readonly belongings: BelongingsRepository,
  ) {}

  /** @throws {ServiceUnavailable} while there are any */
  async assertNone(accountId: AccountId): Promise<void> {
    const ended = await this.ended();
    if (ended.length === 0) return;
    const scope = await this.belongings.scopeOf(accountId);
    for (let from = 0; from < ended.length; from += AT_ONCE)
      if (await this.areLeft(scope, ended.slice(from, from + AT_ONCE)))
        throw new ServiceUnavailable(
          'users who were deleted still have records in the account; the clinic worker of this shard removes them, see that it runs and has no dead letters',
        );
  }

  private async ended(): Promise<string[]> {
    const [deleted, ended] = await Promise.all([
      this.connection
        .collection<{ event: { subject: string } }>(USER_EVENTS)
        .find({ 'event.type': 'users:delete' }, { projection: { 'event.subject': 1 } })
        .toArray(),
      this.connection
        .collection<{ _id: string }>('user_endings')
        .find({ state: 'ended' }, { projection: { _id: 1 } })
        .toArray(),
    ]);
    return [...new Set([...deleted.map(({ event }) => event.subject), ...ended.map(({ _id }) => _id)])];
  }

  /** Whether the account names them, or one whom it names shares with them. */
  private async areLeft(scope: AccountScope, ids: readonly string[]): Promise<boolean> {
    const sharing = await this.belongings
      .collection(SHARING)
      .find({ userId: { $in: [...ids] } }, { projection: { sharerId: 1 } })
      .toArray();
    return this.areNamed(scope, [...ids, ...sharing.map(({ sharerId }) => String(sharerId))]);
  }

  private async areNamed({ clinicIds }: AccountScope, ids: readonly string[]): Promise<boolean> {
    const named = { userId: { $in: [...ids] }, clinicId: { $in: [...clinicIds] } };
    const looks = RECORDS_OF_USERS.map((collection) =>
      this.belongings.collection(collection).findOne(named, { projection: { _id: 1 } }),
    );
    return (await Promise.all(looks)).some((found) => found !== null);
  }
}
