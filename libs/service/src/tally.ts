/** Counts by name. A name without a count takes no memory. */
export class Tally<Name = string> {
  private readonly counts = new Map<Name, number>();

  of(name: Name): number {
    return this.counts.get(name) ?? 0;
  }

  add(name: Name): void {
    this.counts.set(name, this.of(name) + 1);
  }

  /** For each `add` once. */
  remove(name: Name): void {
    const left = this.of(name) - 1;
    if (left > 0) this.counts.set(name, left);
    else this.counts.delete(name);
  }
}
