import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { TagsController } from './tags.controller.ts';
import { TagsService } from './tags.service.ts';

@Module({ imports: [ClinicsModule], controllers: [TagsController], providers: [TagsService] })
export class TagsModule {}
