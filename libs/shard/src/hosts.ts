import { isShardId, type ShardId, toLowerAscii } from './shard-id.ts';

/** What the Host of a request names. `local`: a numeric address or `localhost`, taken as the API host of the shard that it reached. */
export type HostName =
  | { readonly kind: 'api'; readonly shardId: ShardId }
  | { readonly kind: 'account'; readonly shardId: ShardId; readonly subdomain: string }
  | { readonly kind: 'unshardedApi' }
  | { readonly kind: 'local' }
  | { readonly kind: 'unknown' };

/** How addresses are written where they are not plain `https` on its own port. */
export interface Address {
  readonly scheme?: 'https' | 'http';
  readonly port?: number;
}

/** The host of a shard's API, such as `api.au1.example.com`. */
export function apiHost(shardId: ShardId, domain: string): string {
  return `api.${shardId}.${domain}`;
}

/** The host of an account, such as `good-healthy-times.au1.example.com`. */
export function accountHost(subdomain: string, shardId: ShardId, domain: string): string {
  return `${subdomain}.${shardId}.${domain}`;
}

/** The base address of a shard's API, without a slash at its end. */
export function apiUrl(shardId: ShardId, domain: string, address: Address = {}): string {
  return urlOf(apiHost(shardId, domain), address);
}

/** The base address of an account, without a slash at its end. */
export function accountUrl(subdomain: string, shardId: ShardId, domain: string, address: Address = {}): string {
  return urlOf(accountHost(subdomain, shardId, domain), address);
}

const DEFAULT_PORT = { https: 443, http: 80 } as const;

function urlOf(host: string, { scheme = 'https', port }: Address): string {
  return port === undefined || port === DEFAULT_PORT[scheme] ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** RFC 9110, section 7.2: a host and, perhaps, a port. An IPv6 address is in brackets. */
const HOST = /^(?<name>\[[0-9a-f:.]+\]|[a-z0-9.-]+?)\.?(?::[0-9]{0,5})?$/;
const NUMERIC = /^(?:\[[0-9a-f:.]+\]|(?:[0-9]{1,3}\.){3}[0-9]{1,3})$/;

/**
 * Reads the Host header of a request, of whoever sent it: any text gives an answer, never an error.
 * Case, a port and the dot of a fully qualified name do not matter.
 * @param domain the domain that the service runs under, such as `example.com`, or `localhost` for development
 */
export function parseHost(host: string, domain: string): HostName {
  const name = HOST.exec(toLowerAscii(host))?.groups?.['name'];
  if (name === undefined) return { kind: 'unknown' };
  if (name === 'localhost' || NUMERIC.test(name)) return { kind: 'local' };
  const under = `.${toLowerAscii(domain)}`;
  return name.endsWith(under) ? nameOf(name.slice(0, -under.length).split('.')) : { kind: 'unknown' };
}

function nameOf([first = '', shardId, ...more]: readonly string[]): HostName {
  if (first === 'api' && shardId === undefined) return { kind: 'unshardedApi' };
  if (shardId === undefined || more.length > 0 || !isShardId(shardId) || !LABEL.test(first)) return { kind: 'unknown' };
  return first === 'api' ? { kind: 'api', shardId } : { kind: 'account', shardId, subdomain: first };
}
