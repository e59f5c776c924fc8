import type { HealthChecks } from '@caregate/service';
import { ServiceUnavailable } from '@caregate/service/errors';
import { DoorClosed, type DoorSettings, type Whose, WriteDoor } from './write-door.ts';

/** The door of an app that serves: Nest opens it with the app and shuts it at the end, and without it the app is not ready. */
export abstract class ServedDoor extends WriteDoor {
  constructor(settings: DoorSettings, health: HealthChecks) {
    super(settings);
    health.register('accounts', async () => {
      if (!this.open) throw new Error('where accounts stand is not known yet');
    });
  }

  /**
   * As `write`, for whoever is to try again later, here or where the account is by then. A clinic of no account never moves.
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

  onModuleInit(): void {
    this.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.stop();
  }
}
