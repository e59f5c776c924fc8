import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { CONFIG, ConfigError, LOGGER, type Logger } from '@caregate/service';
import { accountUrl, type Address, apiUrl, isShardId, type ShardId } from '@caregate/shard';
import type { DirectoryConfig } from '../config.ts';
import { parseShardsFile, type Region, type Shard, type Shards } from './shards-file.ts';

/** A file is looked at this often; the look is one `stat`, which also sees files that are replaced or mounted anew. */
const LOOK_MS = 500;

/** The regions and shards as the file tells them now. A file that cannot be used is refused, and the one before stays. */
@Injectable()
export class ShardsService implements OnApplicationShutdown {
  private current: Shards;
  private readonly reload = () => void this.readAgain();

  constructor(
    @Inject(CONFIG) private readonly config: DirectoryConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.current = firstShards(config);
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

function firstShards({ SHARDS_FILE, DEFAULT_SHARD }: DirectoryConfig): Shards {
  try {
    return parseShardsFile(readFileSync(SHARDS_FILE, 'utf8'), DEFAULT_SHARD);
  } catch (error) {
    throw new ConfigError(`SHARDS_FILE cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
}
