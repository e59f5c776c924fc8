import { Body, Controller, Param } from '@nestjs/common';
import type { ClinicInputs } from '@caregate/contracts';
import { ClinicOperation } from '../contract.ts';
import { TagsService } from './tags.service.ts';

type SomePatients = string[] | null | undefined;

@Controller()
export class TagsController {
  constructor(private readonly tags: TagsService) {}

  @ClinicOperation('CreatePatientTag')
  create(@Param('clinicId') clinicId: string, @Body() { name }: ClinicInputs['PatientTag']) {
    return this.tags.create(clinicId, name);
  }

  @ClinicOperation('UpdatePatientTag')
  rename(
    @Param('clinicId') clinicId: string,
    @Param('patientTagId') tagId: string,
    @Body() { name }: ClinicInputs['PatientTag'],
  ) {
    return this.tags.rename(clinicId, tagId, name);
  }

  @ClinicOperation('DeletePatientTag')
  delete(@Param('clinicId') clinicId: string, @Param('patientTagId') tagId: string) {
    return this.tags.delete(clinicId, tagId);
  }

  @ClinicOperation('AssignPatientTagToClinicPatients')
  assign(@Param('clinicId') clinicId: string, @Param('patientTagId') tagId: string, @Body() userIds: SomePatients) {
    return this.tags.assign(clinicId, tagId, userIds ?? undefined);
  }

  @ClinicOperation('DeletePatientTagFromClinicPatients')
  remove(@Param('clinicId') clinicId: string, @Param('patientTagId') tagId: string, @Body() userIds: SomePatients) {
    return this.tags.remove(clinicId, tagId, userIds ?? undefined);
  }
}
