import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { AuditModule } from '../audit/audit.module.ts';
import { AccountDoor } from './account-door.ts';
import { AccountStandings } from './account-standings.service.ts';
import { ArrivalsController } from './arrivals.controller.ts';
import { ArrivalsService } from './arrivals.service.ts';
import { BelongingsRepository } from './belongings.repository.ts';
import { ChangesRepository } from './changes.repository.ts';
import { DeparturesController } from './departures.controller.ts';
import { DeparturesService } from './departures.service.ts';
import { DirectoryAudit } from './directory-audit.interceptor.ts';
import { MoveClaims } from './move-claims.ts';
import { OfItsMove } from './of-its-move.guard.ts';
import { UnfinishedReactions } from './unfinished-reactions.ts';
import { WriteInterceptor } from './write.interceptor.ts';

/** Accounts that move between shards: what the directory asks of this one, and what callers are told meanwhile. */
@Module({
  imports: [AccountsModule, AuditModule],
  controllers: [DeparturesController, ArrivalsController],
  providers: [
    AccountDoor,
    AccountStandings,
    ArrivalsService,
    BelongingsRepository,
    ChangesRepository,
    DeparturesService,
    MoveClaims,
    UnfinishedReactions,
    { provide: APP_GUARD, useClass: OfItsMove },
    { provide: APP_INTERCEPTOR, useClass: WriteInterceptor },
    { provide: APP_INTERCEPTOR, useClass: DirectoryAudit },
  ],
  exports: [AccountDoor, AccountStandings],
})
export class MovesModule {}
