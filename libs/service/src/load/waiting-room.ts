/**
 * Where requests wait for a place. Each caller who is known, and each network of those who are not, has a line of its own. The lines take turns, so that one that sends many waits behind itself and
 * not before others. Unlike work in a `FairQueue`, a request may be turned away: in a full room the newest of the longest line makes place for one
 * of a shorter line.
 */
export class WaitingRoom<Item extends { readonly line: string }> {
  private readonly lines = new Map<string, Item[]>();
  private count = 0;

  constructor(private readonly most: number) {}

  get size(): number {
    return this.count;
  }

  /** Gives the one for which there is no place: the item itself, another one, or none. */
  push(item: Item): Item | undefined {
    const displaced = this.count < this.most ? undefined : this.displacedBy(item);
    if (displaced === item) return item;
    const line = this.lines.get(item.line);
    if (line) line.push(item);
    else this.lines.set(item.line, [item]);
    this.count += 1;
    return displaced;
  }

  /** The next one; its line is the last to have its turn again. */
  shift(): Item | undefined {
    const [next] = this.lines;
    if (!next) return undefined;
    const [name, line] = next;
    const item = line.shift();
    this.lines.delete(name);
    if (line.length > 0) this.lines.set(name, line);
    this.count -= 1;
    return item;
  }

  /** Takes out all for which this holds. */
  take(isMeant: (item: Item) => boolean): Item[] {
    const taken: Item[] = [];
    for (const [name, line] of this.lines) {
      const left = line.filter((item) => !isMeant(item));
      if (left.length === line.length) continue;
      taken.push(...line.filter(isMeant));
      if (left.length > 0) this.lines.set(name, left);
      else this.lines.delete(name);
    }
    this.count -= taken.length;
    return taken;
  }

  private displacedBy(item: Item): Item {
    let longest: Item[] = [];
    for (const line of this.lines.values()) if (line.length > longest.length) longest = line;
    const own = this.lines.get(item.line)?.length ?? 0;
    if (longest.length <= own + 1) return item;
    this.count -= 1;
    return longest.pop() ?? item;
  }
}
