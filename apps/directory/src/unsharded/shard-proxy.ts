import type { IncomingHttpHeaders } from 'node:http';
import { knowCaller, ServiceUnavailable, SESSION_HEADER, wholeBody } from '@caregate/service';
import { apiHost, type ShardId } from '@caregate/shard';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Agent, type Dispatcher } from 'undici';
import type { ShardsService } from '../shards/shards.service.ts';
import { keySent, sameAt } from './redirects.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const ANSWER_TIMEOUT_MS = 60_000;
const TRY_AGAIN_SECONDS = 2;

/**
 * What is about one connection, not about the message (RFC 9110, section 7.6.1); `Expect`, which this server has answered;
 * and the host that was asked for, since the shard has one of its own.
 */
const NOT_HANDED_ON = [
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-host',
];

/**
 * Forwards a request to the API of a shard. It waits for the whole request first, so a slow client holds nothing on the shard. The answer is
 * handed on while it comes. Nothing is tried twice: that is for callers to decide.
 */
export class ShardProxy {
  private readonly agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });

  constructor(
    private readonly shards: ShardsService,
    private readonly domain: string,
  ) {}

  /** @throws {ServiceUnavailable} when the shard does not answer */
  async ask(shardId: ShardId, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const sent = await wholeBody(request, reply);
    const { statusCode, headers, body } = await this.answerOf(shardId, request, sent, reply);
    const caller = keySent(request.headers.authorization) ?? request.headers[SESSION_HEADER];
    // The shard has found it good. What waits here next is known by that, as nothing else is known of callers here.
    if (statusCode < 300 && typeof caller === 'string') knowCaller(request, caller);
    return reply.code(statusCode).headers(ofTheMessage(headers)).send(body);
  }

  close(): Promise<void> {
    return this.agent.close();
  }

  private async answerOf(
    shardId: ShardId,
    request: FastifyRequest,
    body: Buffer | null,
    reply: FastifyReply,
  ): Promise<Dispatcher.ResponseData> {
    const shard = this.shards.find(shardId);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    try {
      if (!shard) throw new Error('it is not listed any more');
      return await this.agent.request({
        origin: new URL(shard.apiUrl).origin,
        path: sameAt('', request.raw.url ?? '/'),
        method: request.method as Dispatcher.HttpMethod, // undici sends whatever method it is given
        headers: { ...ofTheMessage(request.raw.headers), ...originOf(request), host: apiHost(shardId, this.domain) },
        body,
        signal: gone.signal,
      });
    } catch (error) {
      throw new ServiceUnavailable(
        `shard ${shardId} does not answer just now; try again in a moment`,
        TRY_AGAIN_SECONDS,
        {
          cause: error,
        },
      );
    }
  }
}

/** Without what is about the connection, and without what `Connection` itself names. */
function ofTheMessage(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = String(headers.connection ?? '')
    .toLowerCase()
    .split(',');
  const dropped = new Set([...NOT_HANDED_ON, ...named.map((name) => name.trim())]);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !dropped.has(name)) kept[name] = value;
  return kept;
}

/** Who asked, for shards that trust the directory as a proxy. */
function originOf({ ip, protocol }: FastifyRequest): Record<string, string> {
  const node = ip.includes(':') ? `"[${ip}]"` : ip;
  return { 'x-forwarded-for': ip, 'x-forwarded-proto': protocol, forwarded: `for=${node};proto=${protocol}` };
}
