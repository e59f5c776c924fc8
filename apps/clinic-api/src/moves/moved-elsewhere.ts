import type { Moved } from '@caregate/clinic-model';
import { CaregateError, redirectStatus, sameAt, Unauthorized } from '@caregate/service';
import type { ShardId } from '@caregate/shard';
import type { FastifyRequest } from 'fastify';

/** What was asked for lives on another shard now: 301 for reads, 308 where the method must survive. */
export class MovedElsewhere extends CaregateError {
  override readonly status: number;
  override readonly headers: Readonly<Record<string, string>>;

  /** @param base the address there, without a slash at its end */
  constructor(shard: string, base: string, { method, raw }: Pick<FastifyRequest, 'method' | 'raw'>) {
    super(`the account has moved to shard ${shard}; send requests to ${base}`);
    this.status = redirectStatus(method);
    // It may move back one day, so nobody is to remember this for good.
    this.headers = { location: sameAt(base, raw.url ?? '/'), 'cache-control': 'no-store', 'caregate-shard': shard };
  }
}

/** The key is good, but not here: the header names the shard for programs, the message the host for people. */
export class WrongShard extends Unauthorized {
  override readonly headers: Readonly<Record<string, string>>;

  constructor(shard: string, message: string) {
    super(message);
    this.headers = { 'caregate-shard': shard };
  }

  static moved({ shard, apiUrl }: Pick<Moved, 'shard' | 'apiUrl'>): WrongShard {
    return new WrongShard(
      shard,
      `the account of this API key has moved to shard ${shard}; send the request to ${apiUrl.replace(/^https?:\/\//, '')} with the suffix -${shard}`,
    );
  }

  static suffix(shard: ShardId): WrongShard {
    return new WrongShard(shard, `this API key belongs to shard ${shard}; send it with the suffix -${shard}`);
  }
}
