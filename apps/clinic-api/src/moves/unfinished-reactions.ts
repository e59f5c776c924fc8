import { reactionId, REACTIONS } from '@caregate/change-events/reaction-records';
import { beginningOfSources } from '@caregate/change-events/read-positions';
import { UPDATE_USER_EMAIL } from '@caregate/change-events/repeatable-reactions';
import { userEventId } from '@caregate/change-events/user-events-source';
import {
  type AccountId,
  type AccountScope,
  CLINIC_MODELS,
  type ClinicModels,
  orphanedTags,
  RECORDS_OF_USERS,
  SHARING,
} from '@caregate/clinic-model';
import { USER_EVENTS } from '@caregate/identity';
import { MONGO, ServiceUnavailable } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';
import { BelongingsRepository } from './belongings.repository.ts';

/** So many ids are looked for in one query. */
const AT_ONCE = 1_000;

interface UserEventDocument {
  readonly event: { readonly id: string; readonly source: string; readonly subject: string };
}

/**
 * What has happened to an account's users and clinics and the worker has yet to carry on to their records: deletions, new emails, deleted tags.
 * The worker does so on the shard where it happened: where the account moves to, nobody knows of it.
 */
@Injectable()
export class UnfinishedReactions {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly belongings: BelongingsRepository,
  ) {}

  /** @throws {ServiceUnavailable} while there are any */
  async assertNone(accountId: AccountId): Promise<void> {
    const scope = await this.belongings.scopeOf(accountId);
    const [deleted, changed, tagged] = await Promise.all([
      this.deletedUsersAreLeft(scope),
      this.newEmailsAreMissing(scope),
      this.deletedTagsAreLeft(scope),
    ]);
    const left = [
      ...(deleted ? ['users who were deleted still have records in the account'] : []),
      ...(changed ? ['users have a new email that their records in the account lack'] : []),
      ...(tagged ? ['patients of the account carry a tag that was deleted'] : []),
    ];
    if (left.length > 0)
      throw new ServiceUnavailable(
        `${left.join(', and ')}; the clinic worker of this shard mends that, see that it runs and has no dead letters`,
      );
  }

  private async deletedUsersAreLeft(scope: AccountScope): Promise<boolean> {
    const [deleted, ended] = await Promise.all([
      this.userEvents
        .find({ 'event.type': 'users:delete' }, { projection: { 'event.subject': 1 } })
        .map(({ event }) => event.subject)
        .toArray(),
      this.connection
        .collection<{ _id: string }>('user_endings')
        .find({ state: 'ended' }, { projection: { _id: 1 } })
        .map(({ _id }) => _id)
        .toArray(),
    ]);
    return anyOf([...new Set([...deleted, ...ended])], async (ids) => {
      const sharing = await this.belongings
        .collection(SHARING)
        .find({ userId: { $in: [...ids] } }, { projection: { sharerId: 1 } })
        .toArray();
      return this.areNamed(scope, [...ids, ...sharing.map(({ sharerId }) => String(sharerId))]);
    });
  }

  /** Only what the shard's own users do is known here; and a shard whose worker has never run waits for none. */
  private async newEmailsAreMissing(scope: AccountScope): Promise<boolean> {
    const begun = await beginningOfSources(this.connection);
    if (!begun) return false;
    const changes = await this.userEvents
      .find({ 'event.type': 'users:update', createdTime: { $gte: begun } }, { projection: { event: 1 } })
      .toArray();
    return anyOf(changes, async (some) => {
      const waiting = new Map(
        some.map(({ event }) => [
          reactionId(UPDATE_USER_EMAIL, { id: userEventId(event), key: event.subject }),
          event.subject,
        ]),
      );
      const finished = this.connection
        .collection<{ _id: string }>(REACTIONS)
        .find({ _id: { $in: [...waiting.keys()] }, open: { $ne: true } }, { projection: { _id: 1 } });
      for await (const { _id } of finished) waiting.delete(_id);
      return waiting.size > 0 && this.areNamed(scope, [...new Set(waiting.values())]);
    });
  }

  private async deletedTagsAreLeft({ clinicIds }: AccountScope): Promise<boolean> {
    const clinics = await this.models.clinics
      .find({ _id: { $in: [...clinicIds] }, lastDeletedPatientTag: { $exists: true } }, { _id: 1 })
      .lean();
    const carried = clinics.map(async ({ _id: clinicId }) => {
      const tags = await orphanedTags(this.models, clinicId);
      return tags.length > 0 && (await this.models.patients.exists({ clinicId, tags: { $in: tags } })) !== null;
    });
    return (await Promise.all(carried)).includes(true);
  }

  /** Whether the account has records of any of the users. */
  private async areNamed({ clinicIds }: AccountScope, ids: readonly string[]): Promise<boolean> {
    const named = { userId: { $in: [...ids] }, clinicId: { $in: [...clinicIds] } };
    const looks = RECORDS_OF_USERS.map((collection) =>
      this.belongings.collection(collection).findOne(named, { projection: { _id: 1 } }),
    );
    return (await Promise.all(looks)).some((found) => found !== null);
  }

  private get userEvents() {
    return this.connection.collection<UserEventDocument & { createdTime: Date }>(USER_EVENTS);
  }
}

/** Asks about some of many at a time. */
async function anyOf<T>(all: readonly T[], ask: (some: readonly T[]) => Promise<boolean>): Promise<boolean> {
  for (let from = 0; from < all.length; from += AT_ONCE) if (await ask(all.slice(from, from + AT_ONCE))) return true;
  return false;
}
