import { Body, Controller, Param, Query } from '@nestjs/common';
import type { AccountId } from '@caregate/clinic-model';
import { AccountOperation } from '../contract.ts';
import {
  DeparturesService,
  type Destination,
  type FenceWanted,
  type FingerprintsWanted,
} from './departures.service.ts';
import { type ClaimedMove, MoveClaims } from './move-claims.ts';
import { OfMove } from './of-move.decorator.ts';

@Controller()
export class DeparturesController {
  constructor(
    private readonly departures: DeparturesService,
    private readonly claims: MoveClaims,
  ) {}

  @AccountOperation('ClaimMove')
  claim(@OfMove() move: ClaimedMove) {
    return this.claims.announce(move);
  }

  @AccountOperation('BeginDeparture')
  begin(@Param('accountId') accountId: AccountId) {
    return this.departures.begin(accountId);
  }

  @AccountOperation('ExportDocuments')
  documents(
    @Param('accountId') accountId: AccountId,
    @Query() { collection, after }: { collection: string; after?: string },
  ) {
    return this.departures.documents(accountId, collection, after);
  }

  @AccountOperation('ExportChanges')
  changes(
    @Param('accountId') accountId: AccountId,
    @Query() { after = '', lateOnly }: { after?: string; lateOnly: boolean },
  ) {
    return this.departures.changes(accountId, after, lateOnly);
  }

  @AccountOperation('FingerprintDocuments')
  fingerprints(@Param('accountId') accountId: AccountId, @Body() wanted: FingerprintsWanted) {
    return this.departures.fingerprints(accountId, wanted);
  }

  @AccountOperation('FenceAccount')
  fence(
    @Param('accountId') accountId: AccountId,
    @OfMove() move: ClaimedMove,
    @Body() { fenceId, forMs, withinMs }: FenceWanted,
  ) {
    return this.departures.fence(accountId, move, { fenceId, forMs, withinMs });
  }

  @AccountOperation('SealFence')
  seal(
    @Param('accountId') accountId: AccountId,
    @OfMove() move: ClaimedMove,
    @Body() { fenceId }: { fenceId: string },
  ) {
    return this.departures.seal(accountId, move, fenceId);
  }

  @AccountOperation('CompleteDeparture')
  complete(
    @Param('accountId') accountId: AccountId,
    @OfMove() move: ClaimedMove,
    @Body() { shard, accountUrl, apiUrl }: Destination,
  ) {
    return this.departures.complete(accountId, move, { shard, accountUrl, apiUrl });
  }

  @AccountOperation('CancelDeparture')
  cancel(@Param('accountId') accountId: AccountId, @OfMove() move: ClaimedMove) {
    return this.departures.cancel(accountId, move);
  }

  @AccountOperation('PurgeDeparted')
  purge(@Param('accountId') accountId: AccountId, @Body() { moveId }: { moveId: string }) {
    return this.departures.purge(accountId, moveId);
  }
}
