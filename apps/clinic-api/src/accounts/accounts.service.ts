import { Inject, Injectable } from '@nestjs/common';
import type { AccountDocument, AccountId, SignUpDocument } from '@caregate/clinic-model';
import { IdentityService, isPasswordHash, LinkSecrets, type Owner } from '@caregate/identity';
import { CONFIG, Conflict, NotFound, ServiceUnavailable, Unprocessable } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import type { ClinicApiConfig } from '../config.ts';
import { AccountAudit } from '../audit/account-audit.service.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { SignUpsRepository } from './sign-ups.repository.ts';

export interface Provisioning {
  readonly subdomain: string;
  readonly name: string;
  readonly owner: { readonly email: string; readonly fullName: string; readonly passwordHash?: string };
}

/** What a mailed link is about: an account that is still to be confirmed, one that is, or one that nobody confirmed in time. */
export type Linked =
  | { readonly state: 'unconfirmed'; readonly signUp: SignUpDocument }
  | { readonly state: 'confirmed'; readonly account: AccountDocument }
  | { readonly state: 'expired' };

/**
 * Accounts as this shard knows them. The directory decides where an account lives and provisions it here; an account it becomes when
 * the address of its owner is proven by the mailed link. Until then nothing is done with the address but to mail it, so that neither
 * an answer nor its time tells anybody whether it is known here.
 */
@Injectable()
export class AccountsService {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly signUps: SignUpsRepository,
    private readonly identity: IdentityService,
    private readonly links: LinkSecrets,
    private readonly audit: AccountAudit,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
  ) {}

  /** Can be repeated: the directory does so after a crash of either side. */
  async provision(accountId: AccountId, { subdomain, name, owner }: Provisioning) {
    if (!this.links.available)
      throw new ServiceUnavailable('this shard cannot mail links that prove an address; set LINK_SECRET');
    this.assertPasswordHash(owner.passwordHash);
    const account = await this.accounts.byId(accountId);
    if (account) return view(account);
    const isTaken = (await this.accounts.bySubdomain(subdomain)) !== null;
    const signUp = isTaken ? undefined : await this.signUps.put({ _id: accountId, subdomain, name, owner });
    if (!signUp) throw new Conflict('the subdomain belongs to another account of this shard');
    return unconfirmedView(signUp);
  }

  async get(accountId: AccountId) {
    const account = await this.accounts.byId(accountId);
    if (account) return view(account);
    const signUp = await this.signUps.open(accountId);
    if (!signUp) throw new NotFound('there is no such account on this shard');
    return unconfirmedView(signUp);
  }

  /** What a mailed link is about; undefined for a secret that is in no mail. */
  async linked(accountId: AccountId, secret: string): Promise<Linked | undefined> {
    if (!this.links.matches('sign-up', accountId, secret)) return undefined;
    const account = await this.accounts.byId(accountId);
    if (account) return { state: 'confirmed', account };
    const signUp = await this.signUps.open(accountId);
    return signUp ? { state: 'unconfirmed', signUp } : { state: 'expired' };
  }

  /**
   * Makes a sign-up an account, whose owner has proven the address by the link. Can be repeated after a crash in between.
   * @throws {Unauthorized} for another password than the owner's
   */
  async confirm(
    { _id, subdomain, name, owner }: SignUpDocument,
    password: string,
    request: FastifyRequest,
  ): Promise<void> {
    const { userId } = await this.identity.confirmOwner(asOwner(owner), password, request.ip);
    await this.audit.confirmed(_id, userId, request);
    await this.accounts.put({ _id, subdomain, name, ownerUserId: userId });
    await this.accounts.forgetUnused(userId);
    await this.signUps.remove(_id);
  }

  private assertPasswordHash(passwordHash: string | undefined): void {
    if (this.config.IDENTITY === 'http' && passwordHash === undefined) return;
    if (passwordHash === undefined || !isPasswordHash(passwordHash))
      throw new Unprocessable('owner.passwordHash must be an argon2id hash in PHC notation');
  }
}

/** With a remote identity service there may be no hash, and nobody has that as their password. */
const asOwner = ({ passwordHash = '', ...owner }: SignUpDocument['owner']): Owner => ({ ...owner, passwordHash });

const unconfirmedView = ({ _id, subdomain, name, createdTime }: SignUpDocument) => ({
  id: _id,
  subdomain,
  name,
  state: 'unconfirmed',
  createdTime,
});

const view = ({ _id, subdomain, name, ownerUserId, fence, moved, createdTime }: AccountDocument) => ({
  id: _id,
  subdomain,
  name,
  ownerUserId,
  state: moved ? 'moved' : fence ? 'fenced' : 'active',
  createdTime,
});
