import { Body, Controller, Param, Req, Res } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import type { ClinicInputs } from '@caregate/contracts';
import accepts from 'accepts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { concernsClinics } from '../audit/concerns.ts';
import { idOf } from '../clinics/clinics.repository.ts';
import { ClinicOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';
import { asCsv } from './merge-report.ts';
import { MergeService } from './merge.service.ts';

/** What our table is, by the names that are in use (RFC 4180). */
const CSV = ['text/csv', 'text/csv;charset=utf-8', 'text/csv;header=present'];

@Controller()
export class MergeController {
  constructor(private readonly merges: MergeService) {}

  @ClinicOperation('GenerateMergeReport')
  async report(
    @Param('clinicId') targetId: string,
    @Body() { sourceId }: ClinicInputs['MergeSource'],
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const report = await this.merges.report(targetId, sourceId);
    concernsClinics([idOf(sourceId)]);
    void reply.header('cache-control', 'no-store');
    const type = accepts(request.raw).type(['json', ...CSV]);
    if (typeof type !== 'string' || !CSV.includes(type)) return report;
    void reply.header('content-type', 'text/csv; charset=utf-8');
    void reply.header('content-disposition', `attachment; filename="merge-report-${sourceId}.csv"`);
    return asCsv(report);
  }

  @ClinicOperation('MergeClinic')
  async merge(
    @Param('clinicId') targetId: string,
    @Body() { sourceId }: ClinicInputs['MergeSource'],
    @By() caller: Caller,
  ) {
    await this.merges.merge(targetId, sourceId, caller);
    concernsClinics([idOf(sourceId)]);
  }
}
