import type { HealthChecks } from '@caregate/service';
import { type DoorSettings, WriteDoor } from './write-door.ts';

/** The door of an app that serves: Nest opens it with the app and shuts it at the end, and without it the app is not ready. */
export abstract class ServedDoor extends WriteDoor {
  constructor(settings: DoorSettings, health: HealthChecks) {
    super(settings);
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
