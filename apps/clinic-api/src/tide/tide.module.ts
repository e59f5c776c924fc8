import { Module } from '@nestjs/common';
import { TideController } from './tide.controller.ts';
import { TideRepository } from './tide.repository.ts';
import { TideService } from './tide.service.ts';

@Module({ controllers: [TideController], providers: [TideService, TideRepository] })
export class TideModule {}
