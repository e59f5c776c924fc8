import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AccountDocument } from '@caregate/clinic-model';
import { CONFIG, Misdirected, NotFound } from '@caregate/service';
import { parseHost } from '@caregate/shard';
import { AccountsRepository } from '../accounts/accounts.repository.ts';
import type { ClinicApiConfig } from '../config.ts';
import { MovedElsewhere } from '../moves/moved-elsewhere.ts';

/** Which account a request's host names, and whether this shard serves the host at all (design, decision 10). */
@Injectable()
export class HostRules {
  constructor(
    private readonly accounts: AccountsRepository,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
  ) {}

  /**
   * @throws {Misdirected} for the host of another shard
   * @throws {MovedElsewhere} for the host of an account that has left this shard
   * @throws {NotFound} for an unknown subdomain or host; whether it exists elsewhere is not said
   */
  async accountOf(request: FastifyRequest): Promise<AccountDocument | undefined> {
    const host = parseHost(request.host ?? '', this.config.DOMAIN);
    if (host.kind === 'local') return undefined;
    if (host.kind === 'unknown' || host.kind === 'unshardedApi') throw new NotFound('nothing is served at this host');
    if (host.shardId !== this.config.SHARD_ID)
      throw new Misdirected(`this is shard ${this.config.SHARD_ID}; the host belongs to shard ${host.shardId}`);
    if (host.kind === 'api') return undefined;
    const account = await this.accounts.bySubdomain(host.subdomain);
    if (!account) throw new NotFound('there is no account at this host');
    if (account.moved) throw new MovedElsewhere(account.moved.shard, account.moved.accountUrl, request);
    return account;
  }
}
