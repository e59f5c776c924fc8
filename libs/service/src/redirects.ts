/** 301 says that the address is another for good; where the method must survive, only 308 is understood by all (RFC 9110, 15.4.2 and 15.4.9). */
export function redirectStatus(method: string): 301 | 308 {
  return method === 'GET' || method === 'HEAD' ? 301 : 308;
}

/**
 * The address of the same path and query on another host. Whatever a client wrote as its request target, the answer begins
 * with `base`, so nobody is sent to a foreign host.
 * @param base of ours, without a slash at its end
 * @param target as it came: a path (`//evil.test/x` is one), or an absolute address, of which only path and query are kept
 */
export function sameAt(base: string, target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^[^/?#]*(?:\/\/[^/?#]*)?/, '');
  const [withoutFragment = ''] = path.split('#');
  const rooted = withoutFragment.startsWith('/') ? withoutFragment : `/${withoutFragment}`;
  return base + rooted.replace(/[^\x21-\x7e]|["<>\\^`{|}]/g, percentEncoded);
}

/** Node gives each byte of a request target as one character. */
const percentEncoded = (byte: string) => `%${(byte.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, '0')}`;
