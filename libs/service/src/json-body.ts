import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BadRequest, UnsupportedMediaType } from './errors.ts';

/** Takes JSON bodies; an empty one is no body, as clients send the header without one, and a broken one is named as what it is. */
export function acceptJson(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (isEncoded(request))
      return done(new UnsupportedMediaType('request body has an error: send it without a content encoding'));
    if (body === '') return done(null, undefined);
    parse(request, body, (error, value) =>
      error ? done(new BadRequest('request body has an error: it is not valid JSON')) : done(null, value),
    );
  });
}

function isEncoded({ headers }: FastifyRequest): boolean {
  const { 'content-encoding': encoding = 'identity' } = headers;
  return encoding !== 'identity';
}
