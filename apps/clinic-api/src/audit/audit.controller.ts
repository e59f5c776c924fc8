import { Controller, Param, Query } from '@nestjs/common';
import type { AccountId } from '@caregate/clinic-model';
import { AccountOperation } from '../contract.ts';
import { AdminsByKeysService } from './admins-by-keys.service.ts';
import { type AccountAuditQuery, type AuditQuery, AuditService } from './audit.service.ts';

@Controller()
export class AuditController {
  constructor(
    private readonly audit: AuditService,
    private readonly adminsByKeys: AdminsByKeysService,
  ) {}

  @AccountOperation('ListAdminsByKeys')
  listAdminsByKeys(@Param('accountId') accountId: AccountId) {
    return this.adminsByKeys.list(accountId);
  }

  @AccountOperation('ListAuditEntries')
  list(@Param('clinicId') clinicId: string, @Query() query: AuditQuery) {
    return this.audit.list(clinicId, query);
  }

  @AccountOperation('ListAccountAuditEntries')
  listOfAccount(@Param('accountId') accountId: AccountId, @Query() query: AccountAuditQuery) {
    return this.audit.listOfAccount(accountId, query);
  }
}
