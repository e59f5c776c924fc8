import { Injectable } from '@nestjs/common';
import type { AccountDocument, AccountId } from '@caregate/clinic-model';
import { IdentityService } from '@caregate/identity';
import { Conflict, NotFound } from '@caregate/service';
import { AccountsRepository } from './accounts.repository.ts';

export interface Provisioning {
  readonly subdomain: string;
  readonly name: string;
  readonly owner: { readonly email: string; readonly fullName: string; readonly passwordHash: string };
}

/** Accounts as this shard knows them. The directory decides where an account lives and provisions it here. */
@Injectable()
export class AccountsService {
  constructor(
    private readonly accounts: AccountsRepository,
    private readonly identity: IdentityService,
  ) {}

  /** Can be repeated: the directory does so after a crash of either side. */
  async provision(accountId: AccountId, { subdomain, name, owner }: Provisioning) {
    const holder = await this.accounts.bySubdomain(subdomain);
    if (holder && holder._id !== accountId)
      throw new Conflict('the subdomain belongs to another account of this shard');
    const { userId } = await this.identity.ensureOwner(owner);
    return view(await this.accounts.put({ _id: accountId, subdomain, name, ownerUserId: userId }));
  }

  async get(accountId: AccountId) {
    const account = await this.accounts.byId(accountId);
    if (!account) throw new NotFound('there is no such account on this shard');
    return view(account);
  }
}

const view = ({ _id, subdomain, name, ownerUserId, fence, moved, createdTime }: AccountDocument) => ({
  id: _id,
  subdomain,
  name,
  ownerUserId,
  state: moved ? 'moved' : fence ? 'fenced' : 'active',
  createdTime,
});
