import { Inject, Injectable } from '@nestjs/common';
import { permissionStreams } from '@caregate/change-events';
import { CONFIG, ServiceUnavailable } from '@caregate/service';
import type { GatekeeperSyncConfig } from '../config.ts';
import { ReplicaDoubts } from '../connectors/replica-doubts.ts';
import { CanaryService } from './canary.service.ts';

/** A comparison of some 100 000 rows takes about as long. */
const RETRY_SECONDS = 2;

/** Lets callers wait for what they have just written. Whoever comes while a canary is on its way shares the next one. */
@Injectable()
export class FreshnessService {
  private underWay: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: GatekeeperSyncConfig,
    private readonly canary: CanaryService,
    private readonly doubts: ReplicaDoubts,
  ) {}

  /**
   * Resolves when both replicas hold whatever was committed before this call. No clocks are compared.
   * @throws {ServiceUnavailable} when they do not in time, or are in doubt
   */
  upToNow(): Promise<void> {
    if (!this.underWay) return this.begin();
    // The canary that is on its way may have been sent before the caller's write was committed.
    this.next ??= this.underWay.catch(() => undefined).then(() => this.begin());
    return this.next;
  }

  private begin(): Promise<void> {
    this.next = undefined;
    const pass = this.pass().finally(() => {
      if (this.underWay === pass) this.underWay = undefined;
    });
    this.underWay = pass;
    return pass;
  }

  private async pass(): Promise<void> {
    await Promise.all(permissionStreams.map((replica) => this.canary.pass(replica, this.config.READ_AFTER_TIMEOUT_MS)));
    const [doubt] = await this.doubts.open();
    if (doubt)
      throw new ServiceUnavailable(
        'the replicas are being compared with their sources; try again later',
        RETRY_SECONDS,
      );
  }
}
