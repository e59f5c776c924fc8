import { Controller, Get, HttpCode, Injectable } from '@nestjs/common';
import { ServiceUnavailable } from './errors.ts';
import { shared } from './shared.ts';

/** What an app needs before it can serve. Each check resolves when fine and throws with the reason when not. */
@Injectable()
export class HealthChecks {
  private readonly checks = new Map<string, () => Promise<void>>();
  private readonly faults = shared(async () => {
    const faults = await Promise.all([...this.checks].map(([name, check]) => faultOf(name, check)));
    return faults.filter((fault) => fault !== undefined);
  });
  private leaving = false;

  register(name: string, check: () => Promise<void>): void {
    this.checks.set(name, check);
  }

  /** From now on the app reports not ready, so that no new work is sent to it. */
  leave(): void {
    this.leaving = true;
  }

  /** @throws {ServiceUnavailable} naming what is not ready and why */
  async assertReady(): Promise<void> {
    if (this.leaving) throw new ServiceUnavailable('not ready: shutting down');
    const found = await this.faults();
    if (found.length > 0) throw new ServiceUnavailable(`not ready: ${found.join('; ')}`);
  }
}

const CHECK_TIMEOUT_MS = 2_000;

async function faultOf(name: string, check: () => Promise<void>): Promise<string | undefined> {
  let timeout: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timeout = setTimeout(() => reject(new Error(`no answer in ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), late]);
    return undefined;
  } catch (error) {
    return `${name}: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    clearTimeout(timeout);
  }
}

@Controller()
export class HealthController {
  constructor(private readonly health: HealthChecks) {}

  @Get('ready')
  @HttpCode(200)
  ready(): Promise<void> {
    return this.health.assertReady();
  }

  @Get('live')
  @HttpCode(200)
  live(): void {}
}
