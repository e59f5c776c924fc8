import type { FastifyInstance } from 'fastify';
import { BadRequest } from './errors.ts';

/** Takes JSON bodies; an empty one is no body, as clients send the header without one, and a broken one is named as what it is. */
export function acceptJson(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') return done(null, undefined);
    parse(request, body, (error, value) => (error ? done(new BadRequest('request body has an error: it is not valid JSON')) : done(null, value)));
  });
}
