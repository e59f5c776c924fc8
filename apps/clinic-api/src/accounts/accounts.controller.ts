import { Body, Controller, Param } from '@nestjs/common';
import type { AccountId } from '@caregate/clinic-model';
import { AccountOperation } from '../contract.ts';
import { AccountsService, type Provisioning } from './accounts.service.ts';

@Controller()
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @AccountOperation('ProvisionAccount')
  provision(@Param('accountId') accountId: AccountId, @Body() wanted: Provisioning) {
    return this.accounts.provision(accountId, wanted);
  }

  @AccountOperation('GetAccount')
  get(@Param('accountId') accountId: AccountId) {
    return this.accounts.get(accountId);
  }
}
