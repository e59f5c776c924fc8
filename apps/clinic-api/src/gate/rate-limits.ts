import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import { CONFIG, Metrics, networkOf, TooManyRequests } from '@caregate/service';
import type { FastifyReply } from 'fastify';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { ClinicApiConfig } from '../config.ts';
import { Quotas } from '../quotas/quotas.service.ts';

const SECONDS = 60;

/** Whose requests are counted together; as it stands in the headers. */
type By = 'key' | 'user' | 'address' | 'account';

const IN_WORDS: Readonly<Record<By, string>> = {
  key: 'by this API key',
  user: 'by this user',
  address: 'from this address',
  account: 'by this account, with all its keys and people,',
};

/**
 * How often each API key, user, network address and account may ask. Each copy of the app counts for itself, in memory: a look at a shared
 * counter would cost every request more than most of them cost altogether. Services and the directory are not counted.
 * Sign-in has limits of its own, over all copies (libs/identity).
 */
@Injectable()
export class RateLimits {
  private readonly limiters: Readonly<Partial<Record<By, RateLimiterMemory>>>;
  private readonly refused;
  /** Only counts: each account may have a limit of its own. */
  private readonly accounts = new RateLimiterMemory({
    keyPrefix: 'account',
    points: Number.MAX_SAFE_INTEGER,
    duration: SECONDS,
  });

  constructor(
    @Inject(CONFIG) config: ClinicApiConfig,
    private readonly quotas: Quotas,
    metrics: Metrics,
  ) {
    this.limiters = {
      ...limited('key', config.RATE_LIMIT_PER_KEY),
      ...limited('user', config.RATE_LIMIT_PER_USER),
      ...limited('address', config.RATE_LIMIT_PER_ADDRESS),
    };
    this.refused = metrics.counter(
      'caregate_rate_limited_total',
      'Requests that were refused since there were too many',
      ['by'],
    );
  }

  /** Before it is known who calls. @throws {TooManyRequests} */
  async ofAddress(address: string, reply: FastifyReply): Promise<void> {
    await this.count('address', networkOf(address), reply);
  }

  /** @throws {TooManyRequests} */
  async ofCaller(caller: Caller, reply: FastifyReply): Promise<void> {
    if (caller.kind === 'apiKey') {
      await this.count('key', caller.keyId, reply);
      await this.ofAccount(caller.accountId, caller.accountId, reply);
    } else if (caller.kind === 'user') await this.count('user', caller.userId, reply);
  }

  /**
   * For those who have a part in the account, so that nobody else can use it up. `id` is the account's, or that of a clinic without one.
   * @throws {TooManyRequests}
   */
  async ofAccount(id: string, accountId: string | undefined, reply: FastifyReply): Promise<void> {
    const limit = this.quotas.limitsOf(accountId).requestsPerMinute;
    if (limit === 0) return;
    const counted = await this.accounts.consume(id);
    if (counted.consumedPoints <= limit) return;
    this.quotas.countRefusal('requestsPerMinute');
    this.refuse('account', limit, new RateLimiterRes(0, counted.msBeforeNext), reply);
  }

  private async count(by: By, whose: string, reply: FastifyReply): Promise<void> {
    const limiter = this.limiters[by];
    if (!limiter) return;
    try {
      tell(reply, by, limiter.points, await limiter.consume(whose));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      this.refuse(by, limiter.points, refusal, reply);
    }
  }

  private refuse(by: By, limit: number, refusal: RateLimiterRes, reply: FastifyReply): never {
    tell(reply, by, limit, refusal);
    this.refused.inc({ by });
    throw new TooManyRequests(
      `there were more than ${limit} requests ${IN_WORDS[by]} in a minute; wait as long as Retry-After says`,
      refusal.msBeforeNext / 1000,
    );
  }
}

function limited(by: By, points: number) {
  return points > 0 ? { [by]: new RateLimiterMemory({ keyPrefix: by, points, duration: SECONDS }) } : {};
}

/** draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` and `RateLimit`, a list each; beside them the three that most clients read. */
function tell(reply: FastifyReply, by: By, limit: number, { remainingPoints, msBeforeNext }: RateLimiterRes): void {
  const left = Math.max(0, remainingPoints);
  const reset = Math.ceil(msBeforeNext / 1000);
  void reply.headers({
    'ratelimit-policy': listed(reply.getHeader('ratelimit-policy'), `"${by}";q=${limit};w=${SECONDS}`),
    ratelimit: listed(reply.getHeader('ratelimit'), `"${by}";r=${left};t=${reset}`),
    'ratelimit-limit': limit,
    'ratelimit-remaining': left,
    'ratelimit-reset': reset,
  });
}

const listed = (before: unknown, entry: string) => (before === undefined ? entry : `${String(before)}, ${entry}`);
