import { ServedDoor } from '@caregate/clinic-model';
import { HealthChecks, LOGGER, type Logger, MONGO } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';

/** This worker's door to what accounts hold: it closes for an account that moves to another shard. */
@Injectable()
export class AccountDoor extends ServedDoor {
  constructor(@Inject(MONGO) connection: Connection, @Inject(LOGGER) logger: Logger, health: HealthChecks) {
    super({ connection, app: 'clinic-worker', logger }, health);
  }
}
