import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { AccountDoor } from './account-door.ts';
import { AccountStandings } from './account-standings.service.ts';
import { ArrivalsController } from './arrivals.controller.ts';
import { ArrivalsService } from './arrivals.service.ts';
import { BelongingsRepository } from './belongings.repository.ts';
import { ChangesRepository } from './changes.repository.ts';
import { DeparturesController } from './departures.controller.ts';
import { DeparturesService } from './departures.service.ts';
import { WriteInterceptor } from './write.interceptor.ts';

/** Accounts that move between shards: what the directory asks of this one, and what callers are told meanwhile. */
@Module({
  imports: [AccountsModule],
  controllers: [DeparturesController, ArrivalsController],
  providers: [
    AccountDoor,
    AccountStandings,
    ArrivalsService,
    BelongingsRepository,
    ChangesRepository,
    DeparturesService,
    { provide: APP_INTERCEPTOR, useClass: WriteInterceptor },
  ],
  exports: [AccountDoor, AccountStandings],
})
export class MovesModule {}
