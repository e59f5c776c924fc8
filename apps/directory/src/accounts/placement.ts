import type { ShardId } from '@caregate/shard';
import type { Shard } from '../shards/shards-file.ts';

/** The shard with the least accounts for its weight; the heavier one among equals, then the first by id. Undefined when there is none. */
export function leastLoaded(open: readonly Shard[], accounts: ReadonlyMap<ShardId, number>): ShardId | undefined {
  const load = ({ id, weight }: Shard) => (accounts.get(id) ?? 0) / weight;
  const [chosen] = [...open].sort((a, b) => load(a) - load(b) || b.weight - a.weight || a.id.localeCompare(b.id));
  return chosen?.id;
}
