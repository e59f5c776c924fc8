import { Body, Controller, Param } from '@nestjs/common';
import type { ClinicInputs } from '@caregate/contracts';
import { ClinicOperation } from '../contract.ts';
import { SitesService } from './sites.service.ts';

@Controller()
export class SitesController {
  constructor(private readonly sites: SitesService) {}

  @ClinicOperation('CreateSite')
  create(@Param('clinicId') clinicId: string, @Body() { name }: ClinicInputs['SiteCreation']) {
    return this.sites.create(clinicId, name);
  }

  @ClinicOperation('UpdateSite')
  rename(@Param('clinicId') clinicId: string, @Param('siteId') siteId: string, @Body() { name }: ClinicInputs['Site']) {
    return this.sites.rename(clinicId, siteId, name);
  }

  @ClinicOperation('DeleteSite')
  delete(@Param('clinicId') clinicId: string, @Param('siteId') siteId: string) {
    return this.sites.delete(clinicId, siteId);
  }

  @ClinicOperation('MergeSite')
  merge(
    @Param('clinicId') clinicId: string,
    @Param('siteId') siteId: string,
    @Body() { id }: ClinicInputs['SiteReference'],
  ) {
    return this.sites.merge(clinicId, siteId, id);
  }

  @ClinicOperation('ConvertPatientTagToSite')
  convertTag(@Param('clinicId') clinicId: string, @Param('patientTagId') tagId: string) {
    return this.sites.convertTag(clinicId, tagId);
  }
}
