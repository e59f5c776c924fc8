import { Body, Controller, Param } from '@nestjs/common';
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

  @Operation('GetAccountQuotas')
  async quotas(@Param('subdomain') subdomain: string) {
    return this.shard.ofAccount(await this.accounts.get(subdomain), {
      operationId: 'GetQuotas',
      method: 'GET',
      path: '/quotas',
    });
  }

  @Operation('SetAccountQuotas')
  async setQuotas(@Param('subdomain') subdomain: string, @Body() body: object) {
    return this.shard.ofAccount(await this.accounts.get(subdomain), {
      operationId: 'SetQuotas',
      method: 'PUT',
      path: '/quotas',
      body,
    });
  }

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
