import { Body, Controller, Param } from '@nestjs/common';
import type { MigrationStatus } from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import type { Caller } from '@caregate/access';
import { By } from '../gate/caller.decorator.ts';
import { AccountOperation, ClinicOperation } from '../contract.ts';
import { MigrationsService } from './migrations.service.ts';

/** Validation by the contract has made sure that ids are ids. */
@Controller()
export class MigrationsController {
  constructor(private readonly migrations: MigrationsService) {}

  @ClinicOperation('EnableNewClinicExperience')
  enable(@Param('userId') userId: UserId) {
    return this.migrations.enable(userId);
  }

  @ClinicOperation('TriggerInitialMigration')
  trigger(
    @Param('clinicId') clinicId: string,
    @Body() sent: { attestationSubmitted?: boolean } | undefined,
    @By() caller: Caller,
  ) {
    return this.migrations.trigger(clinicId, sent?.attestationSubmitted === true, caller);
  }

  @ClinicOperation('MigrateLegacyClinicianPatients')
  migrate(@Param('clinicId') clinicId: string, @Body() { userId }: { userId: string }) {
    return this.migrations.migrate(clinicId, userId);
  }

  @ClinicOperation('ListMigrations')
  list(@Param('clinicId') clinicId: string) {
    return this.migrations.list(clinicId);
  }

  @ClinicOperation('GetMigration')
  get(@Param('clinicId') clinicId: string, @Param('userId') userId: UserId) {
    return this.migrations.get(clinicId, userId);
  }

  @AccountOperation('GetMigrationProgress')
  progress(@Param('clinicId') clinicId: string, @Param('userId') userId: UserId) {
    return this.migrations.progress(clinicId, userId);
  }

  @ClinicOperation('UpdateMigration')
  update(
    @Param('clinicId') clinicId: string,
    @Param('userId') userId: UserId,
    @Body() { status }: { status: MigrationStatus },
  ) {
    return this.migrations.update(clinicId, userId, status);
  }
}
