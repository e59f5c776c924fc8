import type { FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_HEADER } from './load/known-callers.ts';

/**
 * Adds to the refusal of an API key how a key is sent (RFC 9110, section 15.5.2). A browser shows a dialog when it gets this header, so
 * requests with a session or a cookie, which browsers send, do not get it.
 */
export function challengeForKey({ headers }: FastifyRequest, reply: FastifyReply): void {
  if (headers[SESSION_HEADER] !== undefined || headers.cookie !== undefined) return;
  void reply.header('www-authenticate', 'Basic realm="API key as the user name, no password", charset="UTF-8"');
}
