import { Controller, Param } from '@nestjs/common';
import { ClinicOperation } from '../contract.ts';
import { CountsService } from './counts.service.ts';

@Controller()
export class CountsController {
  constructor(private readonly counts: CountsService) {}

  @ClinicOperation('GetPatientCount')
  get(@Param('clinicId') clinicId: string) {
    return this.counts.get(clinicId);
  }

  @ClinicOperation('RefreshPatientCount')
  refresh(@Param('clinicId') clinicId: string) {
    return this.counts.refresh(clinicId);
  }
}
