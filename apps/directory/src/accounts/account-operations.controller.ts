import { Controller, Param } from '@nestjs/common';
import { Operation } from '../contract.ts';
import { AccountsService } from './accounts.service.ts';
import { ShardClient } from './shard-client.service.ts';

/** What operators ask of an account: it is asked of the shard where the account lives, which answers and records it. */
@Controller()
export class AccountOperationsController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly shard: ShardClient,
  ) {}

  @Operation('ListAccountApiKeys')
  async listKeys(@Param('subdomain') subdomain: string) {
    return this.shard.ofAccount(await this.accounts.get(subdomain), {
      operationId: 'ListApiKeys',
      method: 'GET',
      path: '/api_keys',
    });
  }

  @Operation('RevokeAccountApiKey')
  async revokeKey(@Param('subdomain') subdomain: string, @Param('keyId') keyId: string) {
    await this.shard.ofAccount(await this.accounts.get(subdomain), {
      operationId: 'RevokeApiKey',
      method: 'DELETE',
      path: `/api_keys/${keyId}`,
    });
  }
}
