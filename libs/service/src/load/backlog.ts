/** Something that waits for a client: a request that has not come whole, or an answer that has not been taken. */
export interface Wait {
  /** Whose it is, as `networkOf` says; undefined for a proxy that is trusted, before it has said whose. */
  readonly network: string | undefined;
  /** The bytes that are held for it. */
  bytes: number;
  /** Whether it takes longer than it may; `now` in milliseconds. */
  isSlow(now: number): boolean;
  /** Ends it. The backlog has forgotten it by then. */
  drop(why: DropReason): void;
}

export type DropReason = 'slow' | 'too_many';

/** How many may wait at once, with how many bytes, in all and of one network. */
export interface BacklogLimits {
  readonly count: number;
  readonly countOfNetwork: number;
  readonly bytes: number;
  readonly bytesOfNetwork: number;
}

/**
 * What waits for clients, in the order in which it began to. Beyond a limit the oldest is dropped, of the network that is beyond its own or of
 * all: a good client is done within moments, so what has waited longest is the least likely to be one. The last one is never dropped, however large.
 */
export class Backlog {
  private readonly all = new Group();
  private readonly networks = new Map<string, Group>();

  constructor(
    private readonly limits: BacklogLimits,
    private readonly onDrop: (why: DropReason) => void = () => {},
  ) {}

  get size(): number {
    return this.all.waits.size;
  }

  get bytes(): number {
    return this.all.bytes;
  }

  add(wait: Wait): void {
    this.all.add(wait);
    this.groupOf(wait)?.add(wait);
    this.trim(wait);
  }

  grow(wait: Wait, bytes: number): void {
    if (!this.all.waits.has(wait)) return;
    wait.bytes += bytes;
    this.all.bytes += bytes;
    const group = this.groupOf(wait);
    if (group) group.bytes += bytes;
    this.trim(wait);
  }

  /** Does nothing when it is not there any more. */
  remove(wait: Wait): void {
    if (!this.all.remove(wait) || wait.network === undefined) return;
    const group = this.groupOf(wait);
    group?.remove(wait);
    if (group?.waits.size === 0) this.networks.delete(wait.network);
  }

  dropSlow(now: number): void {
    for (const wait of this.all.waits) if (wait.isSlow(now)) this.drop(wait, 'slow');
  }

  private trim(wait: Wait): void {
    const { count, bytes, countOfNetwork, bytesOfNetwork } = this.limits;
    const group = this.groupOf(wait);
    while (group?.isOver(countOfNetwork, bytesOfNetwork)) this.drop(group.oldest, 'too_many');
    while (this.all.isOver(count, bytes)) this.drop(this.all.oldest, 'too_many');
  }

  private drop(wait: Wait, why: DropReason): void {
    this.remove(wait);
    this.onDrop(why);
    wait.drop(why);
  }

  private groupOf({ network }: Wait): Group | undefined {
    if (network === undefined) return undefined;
    let group = this.networks.get(network);
    if (!group) this.networks.set(network, (group = new Group()));
    return group;
  }
}

class Group {
  /** A set keeps the order in which they were added. */
  readonly waits = new Set<Wait>();
  bytes = 0;

  get oldest(): Wait {
    const [first] = this.waits;
    return first as Wait; // asked for only where there is more than one
  }

  add(wait: Wait): void {
    this.waits.add(wait);
    this.bytes += wait.bytes;
  }

  remove(wait: Wait): boolean {
    if (!this.waits.delete(wait)) return false;
    this.bytes -= wait.bytes;
    return true;
  }

  isOver(count: number, bytes: number): boolean {
    return this.waits.size > 1 && (this.waits.size > count || this.bytes > bytes);
  }
}
