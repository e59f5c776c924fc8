export interface Region {
  id: string;
  name: string;
  description: string;
}

export interface ShardEntry {
  id: string;
  region: string;
  state: 'open' | 'full' | 'draining' | 'closed';
  weight: number;
  /** Where the directory reaches the shard. */
  apiUrl: string;
  /** The port in the addresses that people use. */
  publicPort?: number;
}

export interface ShardsFile {
  regions: Region[];
  shards: ShardEntry[];
}

const names: Record<string, string> = {
  au: 'Australia',
  uk: 'the United Kingdom',
  us: 'the United States',
  eu: 'the European Union',
};

/** A region for each pair of letters that shard ids begin with. */
export function regionsOf(shards: string[]): Region[] {
  return [...new Set(shards.map(regionOf))].map((id) => {
    const name = names[id] ?? id.toUpperCase();
    return { id, name: name.replace(/^the /, ''), description: `Your data is stored in ${name}.` };
  });
}

/** "au" of "au1". */
export function regionOf(shard: string): string {
  return shard.replace(/\d+$/, '');
}

/** The text of SHARDS_FILE. Each entry is a line of JSON, which YAML contains. */
export function shardsFileText({ regions, shards }: ShardsFile): string {
  const list = (entries: object[]) => entries.map((entry) => `  - ${JSON.stringify(entry)}\n`).join('');
  return `regions:\n${list(regions)}shards:\n${list(shards)}`;
}
