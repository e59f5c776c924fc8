/** Whose request it is says the line, and whether that caller is known, or a network of those who are not. */
interface InLine {
  readonly line: string;
  readonly isKnown: boolean;
}

/**
 * Where requests wait for a place. Each caller who is known has a line of their own, and each network of those who are not. The lines take turns, so
 * that one that sends many waits behind itself and not before others; and of two places one goes to callers who are known, however many strangers'
 * networks there are. Unlike work in a `FairQueue`, a request may be turned away: in a full room the newest of the longest line makes place for one of
 * a shorter line.
 */
export class WaitingRoom<Item extends InLine> {
  private readonly known = new Lines<Item>();
  private readonly strangers = new Lines<Item>();
  private wasKnown = false;

  constructor(private readonly most: number) {}

  get size(): number {
    return this.known.size + this.strangers.size;
  }

  /** Gives the one for which there is no place: the item itself, another one, or none. */
  push(item: Item): Item | undefined {
    const displaced = this.size < this.most ? undefined : this.displacedBy(item);
    if (displaced !== item) this.linesOf(item).push(item);
    return displaced;
  }

  /** The next one; its line is the last to have its turn again. */
  shift(): Item | undefined {
    const isKnownsTurn = this.strangers.size === 0 || (!this.wasKnown && this.known.size > 0);
    this.wasKnown = isKnownsTurn;
    return (isKnownsTurn ? this.known : this.strangers).shift();
  }

  /** Takes out all for which this holds. */
  take(isMeant: (item: Item) => boolean): Item[] {
    return [...this.known.take(isMeant), ...this.strangers.take(isMeant)];
  }

  private linesOf({ isKnown }: Item): Lines<Item> {
    return isKnown ? this.known : this.strangers;
  }

  private displacedBy(item: Item): Item {
    const own = this.linesOf(item);
    // The others have more than half of the room.
    if (own.size < this.most / 2) return (item.isKnown ? this.strangers : this.known).popOfLongest() ?? item;
    return own.lengthOfLongest <= own.lengthOf(item.line) + 1 ? item : (own.popOfLongest() ?? item);
  }
}

/** Lines that take turns. */
class Lines<Item extends InLine> {
  private readonly lines = new Map<string, Item[]>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  get lengthOfLongest(): number {
    return this.longest().length;
  }

  lengthOf(name: string): number {
    return this.lines.get(name)?.length ?? 0;
  }

  push(item: Item): void {
    const line = this.lines.get(item.line);
    if (line) line.push(item);
    else this.lines.set(item.line, [item]);
    this.count += 1;
  }

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

  /** The newest of the longest line. */
  popOfLongest(): Item | undefined {
    const line = this.longest();
    const item = line.pop();
    if (!item) return undefined;
    if (line.length === 0) this.lines.delete(item.line);
    this.count -= 1;
    return item;
  }

  private longest(): Item[] {
    let longest: Item[] = [];
    for (const line of this.lines.values()) if (line.length > longest.length) longest = line;
    return longest;
  }
}
