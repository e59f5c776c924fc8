import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { operationOf } from './operation.ts';

/** On the answer to a write: when it was over. A read elsewhere that names it as `x-caregate-read-after` is never older than the write. */
export const WRITTEN_AT = 'x-caregate-written-at';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Tells the caller of each write that succeeded when it was over. What was written is committed by then, and whoever waits until all that
 * is committed has arrived needs no other token: the database's own would cost a question after every write, and clocks are not compared.
 */
export function tellWhenWritten(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onSend', async (request, reply) => {
    if (READS.has(request.method) || reply.statusCode >= 300 || !operationOf(request)) return;
    void reply.header(WRITTEN_AT, new Date().toISOString());
  });
}
