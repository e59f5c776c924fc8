import { ServedDoor } from '@caregate/clinic-model';
import { HealthChecks, InjectMongo, LOGGER, type Logger } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';

/** This copy's door to what users share, which moves with accounts: it closes while one is about to move. */
@Injectable()
export class AccountDoor extends ServedDoor {
  constructor(@InjectMongo() connection: Connection, @Inject(LOGGER) logger: Logger, health: HealthChecks) {
    super({ connection, app: 'gatekeeper-sync', logger }, health);
  }
}
