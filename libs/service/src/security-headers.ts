import type { FastifyInstance } from 'fastify';

/**
 * What every answer says to browsers (OWASP, REST Security and HTTP Headers Cheat Sheets). An API's answers are no pages: nothing is loaded
 * by them, framed or kept. A page says what it needs instead; whatever a handler sets goes before these.
 * Strict-Transport-Security counts only where the proxy before the apps speaks TLS; over plain HTTP browsers ignore it.
 */
export const SECURITY_HEADERS = {
  'strict-transport-security': 'max-age=31536000',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/** One object for all answers: not by a plugin, which would make it anew for each. */
export function sendSecurityHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (_request, reply, done) => {
    reply.headers(SECURITY_HEADERS);
    done();
  });
}
