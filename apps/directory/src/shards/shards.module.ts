import { Module } from '@nestjs/common';
import { RegionsController } from './regions.controller.ts';
import { ShardsService } from './shards.service.ts';

@Module({ controllers: [RegionsController], providers: [ShardsService], exports: [ShardsService] })
export class ShardsModule {}
