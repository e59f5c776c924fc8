import type { FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_HEADER } from './load/known-callers.ts';

/**
 * Tells whoever sent an API key that is refused how one is sent (RFC 9110, section 15.5.2). A browser would show its user a dialog for that,
 * so requests with what only browsers bring, a session or a cookie, are not told.
 */
export function challengeForKey({ headers }: FastifyRequest, reply: FastifyReply): void {
  if (headers[SESSION_HEADER] !== undefined || headers.cookie !== undefined) return;
  void reply.header('www-authenticate', 'Basic realm="API key as the user name, no password", charset="UTF-8"');
}
