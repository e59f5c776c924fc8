/**
 * Milliseconds that a `Retry-After` header asks to wait: whole seconds, or until a date (RFC 9110, section 10.2.3).
 * Undefined when there is no such header, or it says neither.
 */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
