import type { Caller } from '@caregate/access';
import type { AccountDocument } from '@caregate/clinic-model';
import { CONFIG } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository } from '../accounts/accounts.repository.ts';
import { CallerClinics } from '../caller-clinics.ts';
import type { ClinicApiConfig } from '../config.ts';

/** More accounts than anybody owns. */
const MOST_ACCOUNTS = 1_000;

/** What a caller may learn of themselves who has nothing but a key or a session. */
@Injectable()
export class CallersService {
  constructor(
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
    private readonly accounts: AccountsRepository,
    private readonly callerClinics: CallerClinics,
  ) {}

  async describe(caller: Caller) {
    const [accounts, clinics] = await Promise.all([this.accountsOf(caller), this.callerClinics.of(caller)]);
    return {
      kind: caller.kind,
      shard: this.config.SHARD_ID,
      ...(caller.kind === 'user' && { userId: caller.userId }),
      ...(caller.kind === 'apiKey' && { keyId: caller.keyId }),
      accounts: accounts.map(({ _id, subdomain, name }) => ({ id: _id, subdomain, name })),
      clinics: clinics
        .map(({ _id, name = '' }) => ({ id: _id.toHexString(), name }))
        .sort((one, other) => one.id.localeCompare(other.id)),
    };
  }

  private async accountsOf(caller: Caller): Promise<AccountDocument[]> {
    if (caller.kind === 'user') return this.accounts.allOwnedBy(caller.userId, MOST_ACCOUNTS);
    const account = caller.kind === 'apiKey' ? await this.accounts.byId(caller.accountId) : null;
    return account ? [account] : [];
  }
}
