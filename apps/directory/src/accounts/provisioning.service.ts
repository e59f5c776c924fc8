import { setTimeout } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type BeforeApplicationShutdown } from '@nestjs/common';
import { LOGGER, type Logger, Metrics } from '@caregate/service';
import type { AccountDocument } from './account.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { ASK_EVERY_MS, ConfirmationsService } from './confirmations.service.ts';
import { ShardClient, type Provisioned } from './shard-client.service.ts';

/** Longer than a shard may take to answer, so that two do not work at one account; if they do, the shard takes it once. */
export const CLAIM_MS = 6_000;
const PAUSE_MS = 500;
const LONGEST_WAIT_MS = 60_000;
const FORGET_EVERY_MS = 60_000;
/** So many accounts are told of at once, so that a shard that does not answer does not hold up the others. */
const AT_ONCE = 8;

/**
 * Tells the shards of their accounts. A sign-up tries at once; what fails then, or what a crash of either side left undone,
 * is taken up here until the shard has said yes or no.
 */
@Injectable()
export class ProvisioningService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly outcomes;
  private readonly leaving = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private forgetAgain = 0;

  constructor(
    private readonly accounts: AccountsRepository,
    private readonly shard: ShardClient,
    private readonly confirmations: ConfirmationsService,
    @Inject(LOGGER) private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.outcomes = metrics.counter('caregate_provisioning_total', 'Attempts to tell a shard of an account', [
      'outcome',
    ]);
  }

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.leaving.abort();
    await this.running;
  }

  /** One attempt for an account that the caller has claimed. */
  async provision(account: AccountDocument): Promise<Provisioned> {
    const { _id, shard, pending } = account; // `shard` in a log line would be that of the app
    if (!pending) return { outcome: 'done', state: 'active' };
    const result = await this.shard.provision(account, pending);
    this.outcomes.inc({ outcome: result.outcome });
    if (result.outcome === 'done') {
      await this.accounts.noteKnown(_id, result.state, new Date(Date.now() + ASK_EVERY_MS));
      this.logger.info({ accountId: _id, home: shard, state: result.state }, 'the shard has the account');
    } else if (result.outcome === 'refused') {
      await this.accounts.remove(_id, 'placing');
      this.logger.error(
        { accountId: _id, home: shard, status: result.status },
        'the shard refused the account; it is given up',
      );
    } else {
      await this.accounts.postpone(_id, new Date(Date.now() + waitAfter(pending.attempts)));
      this.logger.warn(
        { accountId: _id, home: shard, fault: result.fault },
        'the shard could not be told of the account; trying again later',
      );
    }
    return result;
  }

  private async run(): Promise<void> {
    while (!this.left) {
      try {
        await Promise.all(Array.from({ length: AT_ONCE }, () => this.takeUpAll()));
        await this.forgetRepeats();
      } catch (error) {
        this.logger.debug({ err: error }, 'pending accounts could not be read; trying again');
      }
      await setTimeout(PAUSE_MS, undefined, { signal: this.leaving.signal }).catch(() => undefined);
    }
  }

  private get left(): boolean {
    return this.leaving.signal.aborted;
  }

  private async takeUpAll(): Promise<void> {
    while (!this.left && ((await this.takeUpOne()) || (await this.confirmations.checkOne())));
  }

  private async takeUpOne(): Promise<boolean> {
    const now = Date.now();
    const account = await this.accounts.claimPending(new Date(now), new Date(now + CLAIM_MS));
    if (account) await this.provision(account);
    return account !== undefined;
  }

  private async forgetRepeats(): Promise<void> {
    if (Date.now() < this.forgetAgain) return;
    await this.accounts.forgetRepeats(new Date());
    this.forgetAgain = Date.now() + FORGET_EVERY_MS;
  }
}

/** Doubles from a second, up to a minute, and varies, so that a shard that comes back is not met by all at once. */
function waitAfter(attempts: number): number {
  return Math.min(LONGEST_WAIT_MS, 1_000 * 2 ** Math.min(attempts, 10)) * (0.5 + Math.random() / 2);
}
