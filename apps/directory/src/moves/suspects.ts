import type { Touched } from './shard-moves.ts';

/**
 * The documents that may differ between both sides of a move: those that did when all were compared, and those that were changed since.
 * Only these are compared while writers wait, so the wait does not grow with the account.
 */
export class Suspects {
  private readonly ids = new Map<string, Set<string>>();

  add({ collection, id }: Touched): void {
    const ids = this.ids.get(collection);
    if (ids) ids.add(id);
    else this.ids.set(collection, new Set([id]));
  }

  get size(): number {
    return [...this.ids.values()].reduce((sum, ids) => sum + ids.size, 0);
  }

  /** Collection by collection, at most `limit` ids at a time. */
  *inParts(limit: number): Iterable<{ readonly collection: string; readonly ids: readonly string[] }> {
    for (const [collection, ids] of this.ids) {
      const all = [...ids];
      for (let at = 0; at < all.length; at += limit) yield { collection, ids: all.slice(at, at + limit) };
    }
  }
}

type Documents = readonly { readonly id: string; readonly hash: string }[];

/** The ids of documents that only one side has, or that are not the same. */
export function differing(a: Documents, b: Documents): string[] {
  const [left, right] = [a, b].map((documents) => new Map(documents.map(({ id, hash }) => [id, hash])));
  if (!left || !right) return [];
  return [...new Set([...left.keys(), ...right.keys()])].filter((id) => left.get(id) !== right.get(id));
}
