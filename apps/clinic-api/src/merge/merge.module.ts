import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { MergeController } from './merge.controller.ts';
import { MergeRepository } from './merge.repository.ts';
import { MergeService } from './merge.service.ts';

@Module({ imports: [ClinicsModule], controllers: [MergeController], providers: [MergeService, MergeRepository] })
export class MergeModule {}
