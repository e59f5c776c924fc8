/**
 * Lets reads of one thing that are wanted at once share one look-up, and still shows each what was written before it asked:
 * while a look-up is under way, whoever comes waits for the next one, which begins after they came.
 */
export class SharedReads<Value> {
  private readonly running = new Map<string, Read<Value>>();

  constructor(private readonly most = 10_000) {}

  read(key: string, lookUp: () => Promise<Value>): Promise<Value> {
    const current = this.running.get(key);
    if (!current) return this.running.size < this.most ? this.begin(key, lookUp) : lookUp();
    return (current.next ??= current.done.then(() => this.begin(key, lookUp)));
  }

  private begin(key: string, lookUp: () => Promise<Value>): Promise<Value> {
    const value = (async () => lookUp())(); // also what it throws at once becomes a rejection
    const read: Read<Value> = { done: value.then(ignore, ignore) };
    this.running.set(key, read);
    // When somebody waits, `begin` has put their read in this one's place by now.
    void read.done.then(() => this.running.get(key) === read && !read.next && this.running.delete(key));
    return value;
  }
}

interface Read<Value> {
  /** Settles when the look-up has, however it ended. */
  readonly done: Promise<void>;
  next?: Promise<Value>;
}

const ignore = () => undefined;
