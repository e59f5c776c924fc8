import { Module } from '@nestjs/common';
import { ClinicsModule } from '../clinics/clinics.module.ts';
import { SitesController } from './sites.controller.ts';
import { SitesService } from './sites.service.ts';

@Module({ imports: [ClinicsModule], controllers: [SitesController], providers: [SitesService] })
export class SitesModule {}
