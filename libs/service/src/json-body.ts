import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BadRequest, UnsupportedMediaType } from './errors.ts';
import { hasBody } from './load/exchange.ts';

/**
 * Takes JSON bodies in UTF-8; a broken one is named as what it is, and nothing of it is guessed or replaced. An empty body is no body, whatever its
 * type is said to be: clients send the header without one.
 */
export function acceptJson(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isEncoded(request)) return done(refused('send it without a content encoding'));
    if (body.length === 0) return done(null, undefined);
    if (!isInUtf8(request)) return done(refused('send it in UTF-8'));
    const text = body.toString();
    if (!isUtf8(body)) return done(broken('it is not UTF-8'));
    if (hasHalfSign(text)) return done(broken('a sign of two UTF-16 units is there by half'));
    parse(request, text, (error, value) => (error ? done(broken('it is not valid JSON')) : done(null, value)));
  });
  fastify.addContentTypeParser('*', (request, _body, done) =>
    hasBody(request.headers) ? done(refused('send it as application/json')) : done(null, undefined),
  );
}

const broken = (why: string) => new BadRequest(`request body has an error: ${why}`);
const refused = (remedy: string) => new UnsupportedMediaType(`request body has an error: ${remedy}`);

function isEncoded({ headers }: FastifyRequest): boolean {
  const { 'content-encoding': encoding = 'identity' } = headers;
  return encoding !== 'identity';
}

/** ASCII is UTF-8, too. */
function isInUtf8({ headers }: FastifyRequest): boolean {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '')?.[1];
  return charset === undefined || /^(utf-?8|us-ascii)$/i.test(charset);
}

/** A whole sign as two escapes, half of one, or any other escape, which may hide a backslash. */
const ESCAPE = /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)/gs;

/** RFC 8259, 8.2: JSON can escape what is no Unicode text, which databases store as something else. */
const hasHalfSign = (text: string): boolean =>
  /\\u[dD][89a-fA-F]/.test(text) && [...text.matchAll(ESCAPE)].some(([, half]) => half !== undefined);
