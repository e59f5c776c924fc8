import { Body, Controller, Param } from '@nestjs/common';
import { AccountOperation } from '../contract.ts';
import type { Overrides } from './quota-limits.ts';
import { Quotas } from './quotas.service.ts';

@Controller()
export class QuotasController {
  constructor(private readonly quotas: Quotas) {}

  @AccountOperation('GetQuotas')
  get(@Param('accountId') accountId: string) {
    return this.quotas.show(accountId);
  }

  @AccountOperation('SetQuotas')
  set(@Param('accountId') accountId: string, @Body() overrides: Overrides) {
    return this.quotas.set(accountId, overrides);
  }
}
