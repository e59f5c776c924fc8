import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { hashPassword } from '@caregate/identity';
import { derivedSecret } from '@caregate/identity/directory-token';
import { BadRequest, CONFIG, Conflict, NotFound, ServiceUnavailable, Unprocessable } from '@caregate/service';
import { InvalidSubdomain, isSubdomain, parseSubdomain, type ShardId, type Subdomain } from '@caregate/shard';
import type { DirectoryConfig } from '../config.ts';
import { ShardRequests } from '../shards/shard-requests.ts';
import { ShardsService } from '../shards/shards.service.ts';
import type { AccountDocument, AccountsPage, SignUp } from './account.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { ConfirmationsService } from './confirmations.service.ts';
import { leastLoaded } from './placement.ts';
import { CLAIM_MS, ProvisioningService } from './provisioning.service.ts';
import type { Provisioned } from './shard-client.service.ts';

const REPEATABLE_MS = 24 * 3_600_000;

/** Accounts, and where each lives: chosen once at sign-up, and from then on whole on that shard. */
@Injectable()
export class AccountsService {
  private readonly secret: Buffer;

  constructor(
    private readonly accounts: AccountsRepository,
    private readonly shards: ShardsService,
    private readonly provisioning: ProvisioningService,
    private readonly confirmations: ConfirmationsService,
    private readonly requests: ShardRequests,
    @Inject(CONFIG) config: DirectoryConfig,
  ) {
    this.secret = derivedSecret(config.DIRECTORY_SIGNING_KEY, 'caregate repeated sign-ups');
  }

  /**
   * Signs up an account: takes the subdomain, chooses a shard of the region, and tells the shard.
   * While the shard is away the account is `placing`. Then it is `unconfirmed` until its owner has opened the link that the shard mails;
   * what is known of their address is said there alone.
   * The same request with the same idempotency key answers the same account for a day.
   */
  async signUp(wanted: SignUp, idempotencyKey: string | undefined) {
    const subdomain = asSubdomain(wanted.subdomain);
    const existing = await this.accounts.bySubdomain(subdomain);
    if (existing) return this.repeated(existing, wanted, idempotencyKey);
    const shard = await this.choose(wanted.region);
    const account = await this.place(subdomain, shard, wanted, idempotencyKey);
    if (!(await this.accounts.insert(account))) throw taken();
    return this.told(account, await this.provisioning.provision(account));
  }

  async availability(text: string) {
    try {
      const subdomain = parseSubdomain(text);
      const available = (await this.accounts.bySubdomain(subdomain)) === undefined;
      return { subdomain, available, ...(!available && { reason: 'this subdomain is taken' }) };
    } catch (error) {
      if (!(error instanceof InvalidSubdomain)) throw error;
      return { subdomain: text, available: false, reason: error.message };
    }
  }

  async list(page: AccountsPage) {
    return (await this.accounts.page(page)).map((account) => this.view(account));
  }

  async locate(subdomain: string) {
    return this.view(await this.get(subdomain));
  }

  /** A token by which whoever has it may bring API keys of the time before shards to the account's shard, for a minute. */
  async grantKeyImport(text: string) {
    const { _id: accountId, shard, subdomain } = await this.get(text);
    const token = await this.requests.tokenFor(shard, { operationId: 'ImportApiKeys', accountId });
    return { shard, apiUrl: this.shards.urlsOf(shard, subdomain).api, token };
  }

  /** @throws {NotFound} when nobody has signed it up */
  async get(subdomain: string): Promise<AccountDocument> {
    const kept = isSubdomain(subdomain) ? await this.accounts.bySubdomain(subdomain) : undefined;
    const account = kept && (await this.confirmations.upToDate(kept));
    if (!account) throw new NotFound('there is no account with this subdomain');
    return account;
  }

  private async choose(region: string): Promise<ShardId> {
    if (!this.shards.regions.some(({ id }) => id === region)) {
      throw new BadRequest(
        `request body has an error: /region must be one of ${this.shards.regions.map(({ id }) => id).join(', ')}`,
      );
    }
    const shard = leastLoaded(this.shards.openIn(region), await this.accounts.countByShard());
    if (shard === undefined)
      throw new ServiceUnavailable('the region takes no new accounts just now; try again later', 60);
    return shard;
  }

  private async place(
    subdomain: Subdomain,
    shard: ShardId,
    wanted: SignUp,
    key: string | undefined,
  ): Promise<AccountDocument> {
    const { name, region, owner } = wanted;
    const passwordHash = await hashPassword(owner.password);
    const now = new Date();
    return {
      _id: randomUUID(),
      subdomain,
      region,
      shard,
      state: 'placing',
      createdTime: now,
      updatedTime: now,
      pending: {
        name,
        owner: { email: owner.email, fullName: owner.fullName, passwordHash },
        until: new Date(now.getTime() + CLAIM_MS),
        attempts: 1,
      },
      ...(key !== undefined && {
        repeat: {
          key: this.keyedHash(key),
          body: this.keyedHash(bodyOf(wanted)),
          until: new Date(now.getTime() + REPEATABLE_MS),
        },
      }),
    };
  }

  private told(account: AccountDocument, result: Provisioned) {
    if (result.outcome === 'done') return this.view({ ...account, state: result.state });
    if (result.outcome === 'failed') return this.view(account);
    throw result.status === 409 ? new Conflict(result.reason) : new Unprocessable(result.reason);
  }

  private repeated(existing: AccountDocument, wanted: SignUp, key: string | undefined) {
    const { repeat } = existing;
    if (!repeat || key === undefined || !same(repeat.key, this.keyedHash(key))) throw taken();
    if (!same(repeat.body, this.keyedHash(bodyOf(wanted))))
      throw new Unprocessable('this Idempotency-Key was used for another request');
    return this.view(existing);
  }

  private view({ _id, subdomain, region, shard, state }: AccountDocument) {
    return { accountId: _id, subdomain, region, shard, state, urls: this.shards.urlsOf(shard, subdomain) };
  }

  /** Tells nothing to whoever reads the database, who does not have the directory’s key. */
  private keyedHash(text: string): string {
    return createHmac('sha256', this.secret).update(text).digest('base64url');
  }
}

function asSubdomain(text: string): Subdomain {
  try {
    return parseSubdomain(text);
  } catch (error) {
    if (error instanceof InvalidSubdomain)
      throw new BadRequest(`request body has an error: /subdomain: ${error.message}`);
    throw error;
  }
}

const bodyOf = ({ subdomain, name, region, owner: { email, fullName, password } }: SignUp) =>
  JSON.stringify([subdomain, name, region, email, fullName, password]);
const same = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
const taken = () => new Conflict('this subdomain is taken; choose another');
