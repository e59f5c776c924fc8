import { isShardId, type ShardId } from '@caregate/shard';
import { parseDocument } from 'yaml';
import { z } from 'zod';

const region = z.strictObject({
  id: z.string().regex(/^[a-z]{2}$/, 'must be two lower-case letters, such as au'),
  name: z.string().min(1),
  /** A plain line on where the data will live. */
  description: z.string().min(1),
});

const shard = z.strictObject({
  id: z.string().refine(isShardId, 'must be two letters and one or two digits, lower case, such as au1'),
  region: z.string(),
  /** What each means: docs/operations.md, "The shards file". */
  state: z.enum(['open', 'full', 'draining', 'closed']),
  /** How much it can take, compared with the others of its region. */
  weight: z.number().positive().default(1),
  /** Where the directory reaches the shard's API. */
  apiUrl: z.url({ protocol: /^https?$/, error: 'must be an address such as http://10.0.0.7:3000' }),
  /** The port at which people reach it, where it is not that of all shards. */
  publicPort: z.int().min(1).max(65535).optional(),
});

const file = z.strictObject({ regions: z.array(region).min(1), shards: z.array(shard).min(1) });

export type Region = z.output<typeof region>;
export type Shard = z.output<typeof shard>;
export type Shards = z.output<typeof file>;

/** A file of shards that cannot be used; the message is one line that says all that is wrong with it. */
export class InvalidShardsFile extends Error {
  override readonly name = 'InvalidShardsFile';
}

/**
 * Reads the text of a file of regions and shards.
 * @param defaultShard must be among the shards, since keys without suffix are sent there
 * @throws {InvalidShardsFile}
 */
export function parseShardsFile(text: string, defaultShard: ShardId): Shards {
  const document = parseDocument(text);
  const [broken] = document.errors;
  if (broken) throw new InvalidShardsFile(`it is not YAML: ${firstLine(broken.message)}`);
  const parsed = file.safeParse(document.toJS());
  const faults = parsed.success ? faultsOf(parsed.data, defaultShard) : parsed.error.issues.map(inOneLine);
  if (!parsed.success || faults.length > 0) throw new InvalidShardsFile(faults.join('; '));
  return parsed.data;
}

function faultsOf({ regions, shards }: Shards, defaultShard: ShardId): string[] {
  const known = new Set(regions.map(({ id }) => id));
  const open = new Set(shards.filter(({ state }) => state === 'open').map((shard) => shard.region));
  return [
    ...repeated(regions).map((id) => `region ${id} is listed twice`),
    ...repeated(shards).map((id) => `shard ${id} is listed twice`),
    ...shards
      .filter((shard) => !known.has(shard.region))
      .map((shard) => `shard ${shard.id} lies in region ${shard.region}, which is not listed`),
    ...regions
      .filter(({ id }) => !open.has(id))
      .map(({ id }) => `region ${id} has no open shard, so nobody could sign up there`),
    ...(shards.some(({ id }) => id === defaultShard) ? [] : [`the default shard ${defaultShard} is not listed`]),
  ];
}

function repeated(entries: readonly { id: string }[]): string[] {
  const ids = entries.map(({ id }) => id);
  return [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))];
}

function inOneLine({ path, message }: z.core.$ZodIssue): string {
  const where = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return `${where.replace(/^\./, '') || 'the file'}: ${firstLine(message)}`;
}

const firstLine = (text: string) => text.split('\n')[0]?.replace(/:$/, '') ?? '';
