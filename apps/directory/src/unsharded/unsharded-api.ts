import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { challengeForKey, Metrics, Unauthorized } from '@caregate/service';
import { parseHost, type ShardId } from '@caregate/shard';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DirectoryConfig } from '../config.ts';
import { ShardsService } from '../shards/shards.service.ts';
import { graceHeaders } from './grace-headers.ts';
import { redirectStatus, sameAt, shardMeant } from './redirects.ts';
import { ShardProxy } from './shard-proxy.ts';

type Answer = (request: FastifyRequest, reply: FastifyReply, shard: ShardId) => Promise<unknown> | unknown;

/** At `api.<domain>`, brings whatever is not the directory's own to the shard that the caller's key names. */
export function serveUnshardedApi(app: NestFastifyApplication, config: DirectoryConfig): void {
  const shards = app.get(ShardsService);
  const requests = app
    .get(Metrics)
    .counter('caregate_unsharded_requests_total', 'Requests to the address without a shard, by the shard meant', [
      'shard',
    ]);
  const answer = config.UNSHARDED_MODE === 'proxy' ? proxied(app, shards, config) : redirected(shards);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      if (!request.is404 || parseHost(request.host ?? '', config.DOMAIN).kind !== 'unshardedApi') return;
      const shard = shardOf(request, reply);
      requests.inc({ shard });
      return answer(request, reply, shard);
    });

  function shardOf(request: FastifyRequest, reply: FastifyReply): ShardId {
    try {
      return shardMeant(request.headers.authorization, shards.ids, config.DEFAULT_SHARD);
    } catch (error) {
      if (error instanceof Unauthorized) challengeForKey(request, reply);
      throw error;
    }
  }
}

function redirected(shards: ShardsService): Answer {
  return (request, reply, shard) =>
    reply
      .code(redirectStatus(request.method))
      .header('location', sameAt(shards.apiUrlOf(shard), request.raw.url ?? '/'))
      .header('cache-control', 'no-store') // it depends on the key, and an account can move
      .header('vary', 'authorization')
      .header('content-type', 'application/json')
      .send({ message: `this address has moved; send requests for shard ${shard} to ${shards.apiUrlOf(shard)}` });
}

/** The mode of grace: callers are served, and told that the address will not do for ever. */
function proxied(app: NestFastifyApplication, shards: ShardsService, config: DirectoryConfig): Answer {
  const proxy = new ShardProxy(shards, config.DOMAIN);
  const headers = graceHeaders(config);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onClose', () => proxy.close());
  return (request, reply, shard) => proxy.ask(shard, request, reply.headers(headers));
}
