import { DEFAULT_SHARD, isShardId, type ShardId, toLowerAscii, trimAscii } from './shard-id.ts';

/** An API key in its two parts. */
export interface ApiKey {
  /** What proves the caller; alone it is a key too, on the right shard. */
  readonly secret: string;
  /** Where the key's account lives; undefined for a key without suffix. `shardOf` says which shard that means. */
  readonly shardId: ShardId | undefined;
}

export type ApiKeyFault = 'empty' | 'too long' | 'hyphens' | 'characters' | 'suffix' | 'unknown shard';

/** A text that is no API key. Neither the message nor any property holds a part of it, save the id of an unknown shard. */
export class InvalidApiKey extends Error {
  override readonly name = 'InvalidApiKey';
  constructor(
    readonly reason: ApiKeyFault,
    message: string,
  ) {
    super(message);
  }
}

const LONGEST_KEY = 512;
/** No hyphen, which separates the suffix; no colon, which ends the user name in Basic authorization. */
const SECRET = /^[A-Za-z0-9+/=_.~]+$/;
const SUFFIX = /^[A-Za-z0-9_]*$/;

/** What comes along when a key is copied from a document, a chat or a config file. */
const STRANGE_SIGNS: readonly (readonly [RegExp, string])[] = [
  [/:/, 'a colon, which is no part of it'],
  [/["'`\u2018-\u201F\u00AB\u00BB]/, 'a quotation mark'],
  [/[\s\p{Zs}\p{Cf}\p{Cc}]/u, 'a blank or a sign that cannot be seen'],
  [/[\p{Pd}\u2212]/u, 'a dash that is no hyphen'],
];

function strangeSignOf(text: string): string {
  const [, name = 'a character that no API key has'] =
    STRANGE_SIGNS.find(([sign]) => sign.test(withoutHyphens(text))) ?? [];
  return name;
}

/** The hyphen is a dash, too. */
const withoutHyphens = (text: string) => text.replaceAll('-', '');

/**
 * Reads an API key as a person may have pasted it: `<secret>-<shard>`, or the secret alone for keys of the time before shards.
 * Spaces around it are dropped; the suffix may be in any case, the secret is kept as it is.
 * Source: "Sharding", sections "API keys and API URLs" and "Saving an API key".
 * @param knownShards where given, the suffix must name one of them
 * @throws {InvalidApiKey}
 */
export function parseApiKey(text: string, knownShards?: Iterable<string>): ApiKey {
  const key = trimAscii(text);
  if (key === '') throw new InvalidApiKey('empty', 'the API key is empty');
  if (key.length > LONGEST_KEY) throw new InvalidApiKey('too long', `an API key has at most ${LONGEST_KEY} characters`);
  const [secret = '', suffix, ...more] = key.split('-');
  if (more.length > 0) {
    throw new InvalidApiKey('hyphens', 'an API key has at most one hyphen, before the shard id at its end');
  }
  if (secret === '') throw new InvalidApiKey('empty', 'there is nothing before the hyphen of the API key');
  if (!SECRET.test(secret)) {
    throw new InvalidApiKey('characters', `the API key has ${strangeSignOf(key)}; copy it anew`);
  }
  return { secret, shardId: suffix === undefined ? undefined : shardOfSuffix(suffix, knownShards) };
}

/** Writes an API key, with its suffix where it has one. */
export function formatApiKey({ secret, shardId }: ApiKey): string {
  return shardId === undefined ? secret : `${secret}-${shardId}`;
}

/** The shard to send a key's requests to: that of its suffix, or `au1` (source "Sharding", section "Older API keys"). */
export function shardOf({ shardId }: Pick<ApiKey, 'shardId'>, defaultShard: ShardId = DEFAULT_SHARD): ShardId {
  return shardId ?? defaultShard;
}

/** The value of the Authorization header for a key: `Basic b64(key + ':')`, with the suffix or without. */
export function basicAuthorization(apiKey: ApiKey): string {
  return `Basic ${btoa(`${formatApiKey(apiKey)}:`)}`;
}

function shardOfSuffix(suffix: string, knownShards: Iterable<string> | undefined): ShardId {
  const id = toLowerAscii(suffix);
  if (!isShardId(id)) {
    const sign = SUFFIX.test(suffix) ? '' : `; it has ${strangeSignOf(suffix)}`;
    throw new InvalidApiKey(
      'suffix',
      `the API key must end in a hyphen and a shard id, such as -au1, or have no hyphen${sign}`,
    );
  }
  if (knownShards && !new Set(knownShards).has(id)) {
    throw new InvalidApiKey('unknown shard', `the API key names shard ${id}, which does not exist`);
  }
  return id;
}
