import { Body, Controller, Param, Query } from '@nestjs/common';
import type { AccountId } from '@caregate/clinic-model';
import { AccountOperation } from '../contract.ts';
import {
  DeparturesService,
  type Destination,
  type FenceWanted,
  type FingerprintsWanted,
} from './departures.service.ts';

@Controller()
export class DeparturesController {
  constructor(private readonly departures: DeparturesService) {}

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
  fence(@Param('accountId') accountId: AccountId, @Body() wanted: FenceWanted) {
    return this.departures.fence(accountId, wanted);
  }

  @AccountOperation('SealFence')
  seal(@Param('accountId') accountId: AccountId, @Body() { fenceId }: { fenceId: string }) {
    return this.departures.seal(accountId, fenceId);
  }

  @AccountOperation('CompleteDeparture')
  complete(@Param('accountId') accountId: AccountId, @Body() destination: Destination) {
    return this.departures.complete(accountId, destination);
  }

  @AccountOperation('CancelDeparture')
  cancel(@Param('accountId') accountId: AccountId, @Query('moveId') moveId: string) {
    return this.departures.cancel(accountId, moveId);
  }

  @AccountOperation('PurgeDeparted')
  purge(@Param('accountId') accountId: AccountId, @Body() { moveId }: { moveId: string }) {
    return this.departures.purge(accountId, moveId);
  }
}
