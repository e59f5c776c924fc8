interface Waiting<T> {
  readonly item: T;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

const MOST_AT_ONCE = 500;

/**
 * Writes items in groups: the first at once, and all that come while a group is being written together as the next.
 * So a single one waits for nobody, and many cost little more than one. Items that nobody waits for may `gather` a while before.
 */
export class GroupCommit<T> {
  private waiting: Waiting<T>[] = [];
  private running: Promise<void> | undefined;
  private endGathering = () => {};

  constructor(
    private readonly commit: (items: readonly T[]) => Promise<void>,
    private readonly how: { readonly mostAtOnce?: number; readonly gatherMs?: number } = {},
  ) {}

  /** Resolves when the item is written; throws what the write of its group threw. */
  add(item: T): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ item, done, failed });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing is left to write. */
  async idle(): Promise<void> {
    while (this.running) {
      this.endGathering();
      await this.running;
    }
  }

  private async run(): Promise<void> {
    const { mostAtOnce = MOST_AT_ONCE, gatherMs = 0 } = this.how;
    await Promise.resolve(); // what comes in the same turn of the event loop goes along
    while (this.waiting.length > 0) {
      if (gatherMs > 0) await this.gather(gatherMs);
      const group = this.waiting.splice(0, mostAtOnce);
      try {
        await this.commit(group.map(({ item }) => item));
        for (const { done } of group) done();
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    this.running = undefined;
  }

  private gather(gatherMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, gatherMs);
      this.endGathering = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
