/** Runs tasks of one lane one after another, in the order in which they were given, and tasks of different lanes at the same time. */
export class Lanes {
  private readonly tails = new Map<string, Promise<unknown>>();

  run<T>(lane: string, task: () => Promise<T>): Promise<T> {
    const before = this.tails.get(lane);
    const result = before ? before.then(task, task) : task();
    this.tails.set(lane, result);
    const leave = () => {
      if (this.tails.get(lane) === result) this.tails.delete(lane);
    };
    result.then(leave, leave);
    return result;
  }

  /** How many lanes have something to do. */
  get size(): number {
    return this.tails.size;
  }
}
