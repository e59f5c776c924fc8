import { Module } from '@nestjs/common';
import { PatientsModule } from '../patients/patients.module.ts';
import { TideController } from './tide.controller.ts';
import { TideRepository } from './tide.repository.ts';
import { TideService } from './tide.service.ts';

@Module({ imports: [PatientsModule], controllers: [TideController], providers: [TideService, TideRepository] })
export class TideModule {}
