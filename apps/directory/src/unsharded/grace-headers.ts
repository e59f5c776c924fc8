import type { DirectoryConfig } from '../config.ts';

type Grace = Pick<DirectoryConfig, 'UNSHARDED_DEPRECATED_SINCE' | 'UNSHARDED_SUNSET' | 'UNSHARDED_DOCS'>;

/** Tells programs that an address will go: `Deprecation` and its link (RFC 9745), `Sunset` and its link (RFC 8594). */
export function graceHeaders({
  UNSHARDED_DEPRECATED_SINCE,
  UNSHARDED_SUNSET,
  UNSHARDED_DOCS,
}: Grace): Record<string, string> {
  const relations = ['deprecation', ...(UNSHARDED_SUNSET === undefined ? [] : ['sunset'])];
  return {
    deprecation: `@${new Date(UNSHARDED_DEPRECATED_SINCE).getTime() / 1000}`,
    ...(UNSHARDED_SUNSET !== undefined && { sunset: new Date(UNSHARDED_SUNSET).toUTCString() }),
    ...(UNSHARDED_DOCS !== undefined && {
      link: relations
        .map((relation) => `<${new URL(UNSHARDED_DOCS).href}>; rel="${relation}"; type="text/html"`)
        .join(', '),
    }),
  };
}
