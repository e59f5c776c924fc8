/**
 * Which messages of one partition are finished. They finish in any order, but only the unbroken run from the start may be committed,
 * because everything after a committed offset is read again after a crash.
 */
export class OpenOffsets {
  /** Offsets in the order in which they came, from the first that is not finished. */
  private line: { readonly offset: bigint; finished: boolean }[] = [];
  private head = 0;
  private readonly open = new Map<bigint, { finished: boolean }>();
  private first: bigint | undefined;
  private next: bigint | undefined;

  /** How many messages are begun and not finished. */
  get size(): number {
    return this.open.size;
  }

  /** Where reading goes on after a restart: the first offset that is not finished. Undefined until something came. */
  get committable(): bigint | undefined {
    return this.line[this.head]?.offset ?? this.next;
  }

  /** The offset behind the last message that was begun or skipped. Undefined until something came. */
  get position(): bigint | undefined {
    return this.next;
  }

  /** False when the message is known already: after a rebalance Kafka delivers again what is not committed. */
  begin(offset: bigint): boolean {
    if (this.first !== undefined && offset < this.first) this.forget(); // the topic was made anew
    if (this.next !== undefined && offset < this.next) return false;
    this.first ??= offset;
    const entry = { offset, finished: false };
    this.line.push(entry);
    this.open.set(offset, entry);
    this.next = offset + 1n;
    return true;
  }

  finish(offset: bigint): void {
    const entry = this.open.get(offset);
    if (!entry) return;
    entry.finished = true;
    this.open.delete(offset);
    while (this.line[this.head]?.finished) this.head++;
    if (this.head > 1_024 && this.head * 2 > this.line.length) {
      this.line = this.line.slice(this.head);
      this.head = 0;
    }
  }

  /** Offsets up to here hold nothing (more): compaction and control records leave gaps. */
  skipTo(offset: bigint): void {
    if (this.next === undefined || offset > this.next) this.next = offset;
    this.first ??= offset;
  }

  private forget(): void {
    this.line = [];
    this.head = 0;
    this.open.clear();
    this.first = undefined;
    this.next = undefined;
  }
}
