import { Body, Controller, Param, Query } from '@nestjs/common';
import type { AccountId } from '@caregate/clinic-model';
import { AccountOperation } from '../contract.ts';
import { ArrivalsService, type MovingAccount } from './arrivals.service.ts';

@Controller()
export class ArrivalsController {
  constructor(private readonly arrivals: ArrivalsService) {}

  @AccountOperation('BeginArrival')
  begin(
    @Param('accountId') accountId: AccountId,
    @Body() { moveId, account }: { moveId: string; account: MovingAccount },
  ) {
    return this.arrivals.begin(accountId, moveId, account);
  }

  @AccountOperation('ImportBatch')
  bring(@Param('accountId') accountId: AccountId, @Body() { moveId, batch }: { moveId: string; batch: string }) {
    return this.arrivals.bring(accountId, moveId, batch);
  }

  @AccountOperation('ActivateArrival')
  activate(@Param('accountId') accountId: AccountId, @Body() { moveId }: { moveId: string }) {
    return this.arrivals.activate(accountId, moveId);
  }

  @AccountOperation('CancelArrival')
  cancel(@Param('accountId') accountId: AccountId, @Query('moveId') moveId: string) {
    return this.arrivals.cancel(accountId, moveId);
  }
}
