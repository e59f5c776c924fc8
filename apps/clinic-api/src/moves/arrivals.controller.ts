import { Body, Controller, Param } from '@nestjs/common';
import type { AccountId } from '@caregate/clinic-model';
import { AccountOperation } from '../contract.ts';
import { ArrivalsService, type MovingAccount } from './arrivals.service.ts';
import type { ClaimedMove } from './move-claims.ts';
import { OfMove } from './of-move.decorator.ts';

@Controller()
export class ArrivalsController {
  constructor(private readonly arrivals: ArrivalsService) {}

  @AccountOperation('BeginArrival')
  begin(
    @Param('accountId') accountId: AccountId,
    @OfMove() move: ClaimedMove,
    @Body() { account }: { account: MovingAccount },
  ) {
    return this.arrivals.begin(accountId, move, account);
  }

  @AccountOperation('ImportBatch')
  bring(@Param('accountId') accountId: AccountId, @OfMove() move: ClaimedMove, @Body() { batch }: { batch: string }) {
    return this.arrivals.bring(accountId, move, batch);
  }

  @AccountOperation('ActivateArrival')
  activate(@Param('accountId') accountId: AccountId, @OfMove() move: ClaimedMove) {
    return this.arrivals.activate(accountId, move);
  }

  @AccountOperation('CancelArrival')
  cancel(@Param('accountId') accountId: AccountId, @OfMove() move: ClaimedMove) {
    return this.arrivals.cancel(accountId, move);
  }
}
