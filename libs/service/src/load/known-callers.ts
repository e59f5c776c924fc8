import type { IncomingHttpHeaders } from 'node:http';
import { LRUCache } from 'lru-cache';

/** Beyond this those not heard of for longest are forgotten; whoever is forgotten waits in the line of their network once. */
const MOST = 10_000;
/** No credential that an app takes is longer. */
const LONGEST = 2_048;

/** In which users and services send their session tokens. */
export const SESSION_HEADER = 'x-tidepool-session-token';

/** Whose the credentials are that were found good of late. Nobody is let in by this; it only says in which line a request waits. */
export class KnownCallers {
  private readonly callers = new LRUCache<string, string>({ max: MOST });

  note(headers: IncomingHttpHeaders, caller: string): void {
    const credential = credentialOf(headers);
    if (credential !== undefined) this.callers.set(credential, caller);
  }

  of(headers: IncomingHttpHeaders): string | undefined {
    const credential = credentialOf(headers);
    return credential === undefined ? undefined : this.callers.get(credential);
  }
}

function credentialOf(headers: IncomingHttpHeaders): string | undefined {
  const credential = headers[SESSION_HEADER] ?? headers.authorization;
  return typeof credential === 'string' && credential.length <= LONGEST ? credential : undefined;
}
