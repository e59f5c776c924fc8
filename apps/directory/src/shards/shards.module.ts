import { type DynamicModule, Module } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { ConfigError } from '@caregate/service';
import type { DirectoryConfig } from '../config.ts';
import { RegionsController } from './regions.controller.ts';
import { ShardRequests } from './shard-requests.ts';
import { parseShardsFile, type Shards } from './shards-file.ts';
import { SHARDS, ShardsService } from './shards.service.ts';

@Module({})
export class ShardsModule {
  /** @throws {ConfigError} when the file cannot be used; once the app runs, a wrong file only keeps the one before */
  static forRoot(config: DirectoryConfig): DynamicModule {
    return {
      module: ShardsModule,
      global: true,
      controllers: [RegionsController],
      providers: [{ provide: SHARDS, useValue: firstShards(config) }, ShardsService, ShardRequests],
      exports: [ShardsService, ShardRequests],
    };
  }
}

function firstShards({ SHARDS_FILE, DEFAULT_SHARD }: DirectoryConfig): Shards {
  try {
    return parseShardsFile(readFileSync(SHARDS_FILE, 'utf8'), DEFAULT_SHARD);
  } catch (error) {
    throw new ConfigError(`SHARDS_FILE cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
}
