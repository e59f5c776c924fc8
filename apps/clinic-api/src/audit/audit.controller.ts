import { Controller, Param, Query } from '@nestjs/common';
import { AccountOperation } from '../contract.ts';
import { type AuditQuery, AuditService } from './audit.service.ts';

@Controller()
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @AccountOperation('ListAuditEntries')
  list(@Param('clinicId') clinicId: string, @Query() query: AuditQuery) {
    return this.audit.list(clinicId, query);
  }
}
