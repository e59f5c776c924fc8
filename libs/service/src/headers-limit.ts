import type { FastifyInstance } from 'fastify';
import { HeadersTooLarge } from './errors.ts';

/** Twenty times what browsers and proxies send together. */
const MOST_HEADERS = 1_000;

/**
 * Refuses requests with too many headers. Node's own limit is switched off: before version 24 it leaves out what is beyond it and says
 * nothing, so that a session, a length or a Host could be among what is lost. `maxHeaderSize` bounds what they weigh.
 */
export function limitHeaders(fastify: FastifyInstance): void {
  fastify.server.maxHeadersCount = 0;
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.raw.rawHeaders.length / 2 <= MOST_HEADERS) return done();
    done(new HeadersTooLarge(`request has an error: it has more than ${MOST_HEADERS} headers`));
  });
}
