import { Inject, Injectable } from '@nestjs/common';
import { LOGGER, type Logger } from '@caregate/service';
import type { AccountDocument } from './account.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { ShardClient } from './shard-client.service.ts';

/** Who wants to know asks at once; this often all are asked about, so that a subdomain is free soon after nobody confirmed its account. */
export const ASK_EVERY_MS = 10 * 60_000;

/** How long a shard keeps what nobody confirms. What it does not know before that, it was asked about in the wrong place. */
const KEPT_MS = 48 * 3_600_000;

/** Owners confirm their accounts on the shards, which call nobody: so the directory asks them. */
@Injectable()
export class ConfirmationsService {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly shards: ShardClient,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The account as it is now; undefined when nobody confirmed it in time. While its shard is away it is as it was. */
  async upToDate(account: AccountDocument): Promise<AccountDocument | undefined> {
    const { _id, shard: home } = account; // `shard` in a log line would be that of the app
    if (account.state !== 'unconfirmed') return account;
    const found = await this.shards.stateOf(account);
    if (found === 'gone' && account.createdTime.getTime() < Date.now() - KEPT_MS) {
      await this.accounts.remove(_id, 'unconfirmed');
      this.logger.info({ accountId: _id, home }, 'nobody confirmed the account in time; its subdomain is free');
      return undefined;
    }
    if (found !== 'active') return account;
    await this.accounts.noteConfirmed(_id);
    this.logger.info({ accountId: _id, home }, 'the account is active');
    return { ...account, state: 'active' };
  }

  /** Asks about one account whose time has come; false when there is none. */
  async checkOne(): Promise<boolean> {
    const now = Date.now();
    const account = await this.accounts.claimUnconfirmed(new Date(now), new Date(now + ASK_EVERY_MS));
    if (account) await this.upToDate(account);
    return account !== undefined;
  }
}
