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
   * As `enter`, for a reaction: it is tried again later, and then here or where the account is.
   * @throws {ServiceUnavailable} while the account is about to move, and when it has moved
   */
  enterOrWait(whose: Whose): () => void {
    try {
      return this.enter(whose);
    } catch (error) {
      throw error instanceof DoorClosed ? new ServiceUnavailable(error.message) : error;
    }
  }

  /** Does some work of an account with the door held open; a clinic of no account never moves. Throws as `enterOrWait`. */
  async through<T>(accountId: string | undefined, work: () => Promise<T>): Promise<T> {
    const leave = accountId === undefined ? () => {} : this.enterOrWait(accountId);
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
