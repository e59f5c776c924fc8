import { Inject, Injectable } from '@nestjs/common';
import type { ApiKeyDocument, KeyStopper } from '@caregate/clinic-model';
import { IdentityService } from '@caregate/identity';
import { LOGGER, type Logger } from '@caregate/service';
import { LRUCache } from 'lru-cache';
import { AccountsRepository } from '../accounts/accounts.repository.ts';

const MOST_KEYS = 10_000;
/** An answer of this age is asked for again, while requests go on with the one that there is. */
const FRESH_MS = 10_000;

type People = Pick<ApiKeyDocument, 'accountId' | 'createdBy'>;

/**
 * Whether the people that a key acts for still exist. What deletes a user stops their keys at once (`stopKeysOf`); this look finds
 * those whose deletion nobody told the shard of. It costs a request nothing but the first one of a key.
 */
@Injectable()
export class KeyPeople {
  private readonly gone: LRUCache<string, KeyStopper | 'nobody', People>;

  constructor(
    private readonly accounts: AccountsRepository,
    private readonly identity: IdentityService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.gone = new LRUCache({
      max: MOST_KEYS,
      ttl: FRESH_MS,
      allowStale: true,
      allowStaleOnFetchRejection: true,
      noDeleteOnFetchRejection: true,
      fetchMethod: (_id, _stale, { context }) => this.look(context),
    });
  }

  /** While the identity service is away, keys go on: a user who is known to be gone has stopped theirs. */
  async whoIsGone({ accountId, createdBy }: ApiKeyDocument): Promise<KeyStopper | undefined> {
    const id = `${accountId} ${createdBy}`;
    const found = await this.gone.fetch(id, { context: { accountId, createdBy } }).catch((error: unknown) => {
      this.logger.warn({ err: error, accountId }, 'the people of an API key could not be looked up; the key is served');
    });
    return found === 'nobody' ? undefined : (found ?? undefined);
  }

  private async look({ accountId, createdBy }: People): Promise<KeyStopper | 'nobody'> {
    const owner = (await this.accounts.byId(accountId))?.ownerUserId;
    if (owner !== undefined && !(await this.identity.findUser(owner))) return 'owner';
    if (createdBy !== owner && !(await this.identity.findUser(createdBy))) return 'maker';
    return 'nobody';
  }
}
