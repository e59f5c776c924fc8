import { DoorClosed, type Whose, ServedDoor } from '@caregate/clinic-model';
import { HealthChecks, LOGGER, type Logger, MONGO, ServiceUnavailable } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';

/** This worker's door to what accounts hold: it closes for an account that moves to another shard. */
@Injectable()
export class AccountDoor extends ServedDoor {
  constructor(@Inject(MONGO) connection: Connection, @Inject(LOGGER) logger: Logger, health: HealthChecks) {
    super({ connection, app: 'clinic-worker', logger }, health);
  }

  /**
   * As `write`, for a reaction: it is tried again later, and then here or where the account is. A clinic of no account never moves.
   * @throws {ServiceUnavailable} while the account is about to move, and when it has moved
   */
  async through<T>(whose: Whose | undefined, work: () => Promise<T>): Promise<T> {
    if (whose === undefined) return work();
    try {
      return await this.write(whose, work);
    } catch (error) {
      throw error instanceof DoorClosed ? new ServiceUnavailable(error.message) : error;
    }
  }
}
