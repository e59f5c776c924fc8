import { WriteDoor } from '@caregate/clinic-model';
import { HealthChecks, LOGGER, type Logger, MONGO } from '@caregate/service';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Connection } from 'mongoose';

/** This worker's door to what accounts hold: it closes for an account that moves to another shard. */
@Injectable()
export class AccountDoor extends WriteDoor implements OnModuleInit, OnApplicationShutdown {
  constructor(@Inject(MONGO) connection: Connection, @Inject(LOGGER) logger: Logger, health: HealthChecks) {
    super({ connection, app: 'clinic-worker', logger });
    health.register('accounts', async () => {
      if (!this.open) throw new Error('where accounts stand is not known yet');
    });
  }

  onModuleInit(): void {
    this.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.stop();
  }
}
