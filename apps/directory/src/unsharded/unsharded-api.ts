import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { parseHost } from '@caregate/shard';
import type { DirectoryConfig } from '../config.ts';
import { ShardsService } from '../shards/shards.service.ts';
import { redirectStatus, sameAt, shardMeant } from './redirects.ts';

/** At `api.<domain>`, sends whatever is not the directory's own to the shard that the caller's key names. */
export function redirectUnshardedApi(app: NestFastifyApplication, config: DirectoryConfig): void {
  const shards = app.get(ShardsService);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      if (!request.is404 || parseHost(request.headers.host ?? '', config.DOMAIN).kind !== 'unshardedApi') return;
      const shard = shardMeant(request.headers.authorization, shards.ids, config.DEFAULT_SHARD);
      return reply
        .code(redirectStatus(request.method))
        .header('location', sameAt(shards.apiUrlOf(shard), request.raw.url ?? '/'))
        .header('cache-control', 'no-store') // it depends on the key, and an account can move
        .header('vary', 'authorization')
        .header('content-type', 'application/json')
        .send({ message: `this address has moved; send requests for shard ${shard} to ${shards.apiUrlOf(shard)}` });
    });
}
