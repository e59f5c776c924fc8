/**
 * Does together what is asked for at the same time: while one batch is under way the next one gathers.
 * A batch that fails fails for each that was in it.
 */
export class Batched<In, Out> {
  private readonly work: (items: readonly In[]) => Promise<readonly Out[]>;
  private readonly most: number;
  private waiting: {
    readonly item: In;
    readonly resolve: (out: Out) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  private underWay = 0;
  private gathering = false;

  /** @param work gives one result for each item, in their order */
  constructor(work: (items: readonly In[]) => Promise<readonly Out[]>, most = 500) {
    this.work = work;
    this.most = most;
  }

  do(item: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.gather();
    });
  }

  private gather(): void {
    if (this.gathering || this.underWay >= AT_ONCE) return;
    this.gathering = true;
    setImmediate(() => {
      this.gathering = false;
      void this.flush();
    });
  }

  private async flush(): Promise<void> {
    const batch = this.waiting.splice(0, this.most);
    if (batch.length === 0) return;
    this.underWay++;
    try {
      const results = await this.work(batch.map(({ item }) => item));
      // `work` gives as many results as it got items.
      batch.forEach(({ resolve }, index) => resolve(results[index] as Out));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.underWay--;
      if (this.waiting.length > 0) this.gather();
    }
  }
}

/** Two batches, so that one can travel while the other is worked on. */
const AT_ONCE = 2;
