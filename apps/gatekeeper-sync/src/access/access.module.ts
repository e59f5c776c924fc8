import { Module } from '@nestjs/common';
import { AccountDoor } from './account-door.ts';
import { AccessGate } from './access-gate.service.ts';
import { AccessController } from './access.controller.ts';
import { AccessRepository } from './access.repository.ts';
import { AccessService } from './access.service.ts';
import { ClinicsServedHere } from './clinics-served-here.ts';
import { DirectSharing } from './direct-sharing.ts';
import { SharingAudit } from './sharing-audit.ts';
import { ReadAfter } from './read-after.guard.ts';
import { ReplicationModule } from '../replication/replication.module.ts';

@Module({
  imports: [ReplicationModule],
  controllers: [AccessController],
  providers: [
    AccessService,
    AccessRepository,
    AccessGate,
    AccountDoor,
    ClinicsServedHere,
    DirectSharing,
    ReadAfter,
    SharingAudit,
  ],
  exports: [AccessGate],
})
export class AccessModule {}
