import { isShardId, toLowerAscii, trimAscii } from './shard-id.ts';

declare const brand: unique symbol;

/** The name of an account in its addresses: a DNS label, lower case, not reserved, such as `good-healthy-times`. */
export type Subdomain = string & { readonly [brand]: 'Subdomain' };

export type SubdomainFault = 'empty' | 'too short' | 'too long' | 'characters' | 'hyphens' | 'reserved';

/** A text that cannot be a subdomain; the message can be shown to the person who chose it. */
export class InvalidSubdomain extends Error {
  override readonly name = 'InvalidSubdomain';
  constructor(
    readonly reason: SubdomainFault,
    message: string,
  ) {
    super(message);
  }
}

const SHORTEST = 3;
const LONGEST = 63; // RFC 1035, section 2.3.4

/** Names that belong to the service itself, or that others would take for it. */
export const RESERVED_SUBDOMAINS: ReadonlySet<string> = new Set(
  `about abuse account accounts admin administrator api app apps assets auth autoconfig autodiscover billing blog caregate cdn
   clinic clinics connect console dashboard dev developer developers directory dns docs download email example ftp gatekeeper
   health help home hostmaster http https id imap info internal ipv4 ipv6 kafka legal live local localhost localdomain login
   logout mail marketing media metrics mobile mongo mongodb monitoring noreply no-reply ns ns0 ns1 ns2 ns3 ns4 oauth official
   ops pop pop3 portal postmaster press privacy production proxy ready register root sales sandbox secure security server
   service services shard shards sign-in sign-up signin signup smtp sso staff staging static status store support sysadmin
   system test tests token trust unsubscribe update updates user users webhook webhooks webmail webmaster wpad ww www www1 www2`.split(
    /\s+/,
  ),
);

/**
 * Reads a subdomain as a person may have typed it: in any case, with spaces around.
 * RFC 1123, section 2.1: letters, digits and inner hyphens. `xn--` and anything that looks like a shard id are refused too,
 * the first because it shows as letters of another script, the second because it would be read as a shard.
 * @throws {InvalidSubdomain}
 */
export function parseSubdomain(text: string): Subdomain {
  const name = toLowerAscii(trimAscii(text));
  if (name === '') throw new InvalidSubdomain('empty', 'choose a subdomain');
  if (name.length > LONGEST) throw new InvalidSubdomain('too long', `a subdomain has at most ${LONGEST} characters`);
  if (!/^[a-z0-9-]+$/.test(name)) {
    throw new InvalidSubdomain('characters', 'a subdomain has only letters from a to z, digits and hyphens');
  }
  if (name.startsWith('-') || name.endsWith('-')) {
    throw new InvalidSubdomain('hyphens', 'a subdomain begins and ends with a letter or digit');
  }
  if (/^..--/.test(name)) throw new InvalidSubdomain('hyphens', 'a subdomain has no two hyphens at its third place');
  if (RESERVED_SUBDOMAINS.has(name) || isShardId(name)) {
    throw new InvalidSubdomain('reserved', 'this subdomain is reserved; choose another');
  }
  if (name.length < SHORTEST)
    throw new InvalidSubdomain('too short', `a subdomain has at least ${SHORTEST} characters`);
  return name as Subdomain; // every rule was checked above
}

/** Says whether a text is a subdomain exactly as it is written. */
export function isSubdomain(text: string): text is Subdomain {
  try {
    return parseSubdomain(text) === text;
  } catch {
    return false;
  }
}
