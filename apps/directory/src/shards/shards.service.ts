import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { CONFIG, LOGGER, type Logger } from '@caregate/service';
import { accountUrl, type Address, apiUrl, isShardId, type ShardId } from '@caregate/shard';
import type { DirectoryConfig } from '../config.ts';
import { parseShardsFile, type Region, type Shard, type Shards } from './shards-file.ts';

/** Injection token of the regions and shards as they were at start. */
export const SHARDS = Symbol('SHARDS');

/** A file is looked at this often; the look is one `stat`, which also sees files that are replaced or mounted anew. */
const LOOK_MS = 500;

/** The regions and shards as the file tells them now. A file that cannot be used is refused, and the one before stays. */
@Injectable()
export class ShardsService implements OnApplicationShutdown {
  private readonly reload = () => void this.readAgain();

  constructor(
    @Inject(SHARDS) private current: Shards,
    @Inject(CONFIG) private readonly config: DirectoryConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    watchFile(config.SHARDS_FILE, { interval: LOOK_MS, persistent: false }, this.reload);
  }

  onApplicationShutdown(): void {
    unwatchFile(this.config.SHARDS_FILE, this.reload);
  }

  get regions(): readonly Region[] {
    return this.current.regions;
  }

  get ids(): readonly ShardId[] {
    return this.current.shards.map(({ id }) => id).filter(isShardId);
  }

  find(id: ShardId): Shard | undefined {
    return this.current.shards.find((shard) => shard.id === id);
  }

  openIn(region: string): readonly Shard[] {
    return this.current.shards.filter((shard) => shard.region === region && shard.state === 'open');
  }

  /** The addresses that people use, without a slash at their ends. */
  urlsOf(id: ShardId, subdomain: string): { account: string; api: string } {
    const { DOMAIN } = this.config;
    return { account: accountUrl(subdomain, id, DOMAIN, this.addressOf(id)), api: this.apiUrlOf(id) };
  }

  apiUrlOf(id: ShardId): string {
    return apiUrl(id, this.config.DOMAIN, this.addressOf(id));
  }

  /** Under localhost a name reaches this machine, so the shard's own port and plain http are what works. */
  private addressOf(id: ShardId): Address {
    const { DOMAIN, PUBLIC_SCHEME, PUBLIC_PORT } = this.config;
    const shard = this.find(id);
    const onThisMachine = DOMAIN === 'localhost' || DOMAIN.endsWith('.localhost');
    const ownPort = onThisMachine && shard ? Number(new URL(shard.apiUrl).port) || undefined : undefined;
    const port = shard?.publicPort ?? PUBLIC_PORT ?? ownPort;
    return { scheme: PUBLIC_SCHEME ?? (onThisMachine ? 'http' : 'https'), ...(port !== undefined && { port }) };
  }

  private async readAgain(): Promise<void> {
    try {
      this.current = parseShardsFile(await readFile(this.config.SHARDS_FILE, 'utf8'), this.config.DEFAULT_SHARD);
      this.logger.info({ shards: this.ids }, 'the file of shards was read again');
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      this.logger.error(`the changed file of shards is refused and the one before stays: ${fault}`);
    }
  }
}
