import type { ConnectorState } from '@caregate/change-events';

/** In milliseconds: as long as the pauses between restarts become, twice. One that has run for so long since it failed counts as up. */
const SETTLED_AFTER_MS = 60_000;

export interface Condition {
  /** All of it runs just now. */
  readonly runs: boolean;
  /** It runs and has not failed within the last minute, so that one that fails again and again is not up in most samples. */
  readonly isUp: boolean;
  readonly failedTasks: number;
  /** The state of the first part that does not run. */
  readonly fault: string | undefined;
}

/** What is told of connectors: their states at one moment, and how they have fared. */
export class ConnectorHealth {
  private readonly failedAt = new Map<string, number>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Notes a failure that was seen, perhaps between two looks. */
  failed(name: string): void {
    this.failedAt.set(name, this.now());
  }

  look(name: string, state: ConnectorState | undefined): Condition {
    const parts = state ? [state.state, ...state.tasks.map((task) => task.state)] : [];
    const failedTasks = parts.filter((part) => part === 'FAILED').length;
    if (failedTasks > 0) this.failed(name);
    const runs = parts.length > 1 && parts.every((part) => part === 'RUNNING');
    const isSettled = this.now() - (this.failedAt.get(name) ?? -Infinity) > SETTLED_AFTER_MS;
    return {
      runs,
      isUp: runs && isSettled,
      failedTasks,
      fault: runs ? undefined : (parts.find((part) => part !== 'RUNNING') ?? 'not there'),
    };
  }
}
