import { Global, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AdminsByKeysService } from './admins-by-keys.service.ts';
import { AccountAudit } from './account-audit.service.ts';
import { AuditController } from './audit.controller.ts';
import { AuditInterceptor } from './audit.interceptor.ts';
import { AuditRepository } from './audit.repository.ts';
import { AuditService } from './audit.service.ts';
import { AuditTrail } from './audit-trail.service.ts';
import { AuditRetention } from './retention.service.ts';
import { RefusedRequests } from './refused-requests.service.ts';

/** Others tell it what they are about. */
@Global()
@Module({
  controllers: [AuditController],
  providers: [
    AuditService,
    AdminsByKeysService,
    AuditRepository,
    AuditTrail,
    AccountAudit,
    AuditRetention,
    RefusedRequests,
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
  ],
  exports: [AuditTrail, AccountAudit],
})
export class AuditModule {}
