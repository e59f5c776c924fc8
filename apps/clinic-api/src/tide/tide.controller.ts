import { Controller, Param, Query } from '@nestjs/common';
import { ClinicOperation } from '../contract.ts';
import { type TideQuery, TideService } from './tide.service.ts';

@Controller()
export class TideController {
  constructor(private readonly tide: TideService) {}

  @ClinicOperation('TideReport')
  report(@Param('clinicId') clinicId: string, @Query() query: TideQuery) {
    return this.tide.report(clinicId, query);
  }
}
