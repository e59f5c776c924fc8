import { Body, Controller, Param, Res } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import type { AccountId } from '@caregate/clinic-model';
import type { FastifyReply } from 'fastify';
import { AccountOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';
import { ApiKeysService } from './api-keys.service.ts';

@Controller()
export class ApiKeysController {
  constructor(private readonly apiKeys: ApiKeysService) {}

  @AccountOperation('CreateApiKey')
  create(
    @Param('accountId') accountId: AccountId,
    @Body() { name }: { name: string },
    @By() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    void reply.header('cache-control', 'no-store');
    return this.apiKeys.create(accountId, name, caller);
  }

  @AccountOperation('ListApiKeys')
  list(@Param('accountId') accountId: AccountId) {
    return this.apiKeys.list(accountId);
  }

  @AccountOperation('RotateApiKey')
  rotate(
    @Param('accountId') accountId: AccountId,
    @Param('keyId') keyId: string,
    @Body() wanted: { graceSeconds?: number } | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    void reply.header('cache-control', 'no-store');
    return this.apiKeys.rotate(accountId, keyId, wanted?.graceSeconds);
  }

  @AccountOperation('RevokeApiKey')
  revoke(@Param('accountId') accountId: AccountId, @Param('keyId') keyId: string) {
    return this.apiKeys.revoke(accountId, keyId);
  }
}
