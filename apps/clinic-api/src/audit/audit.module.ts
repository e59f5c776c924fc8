import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AdminsByKeysService } from './admins-by-keys.service.ts';
import { AuditController } from './audit.controller.ts';
import { AuditInterceptor } from './audit.interceptor.ts';
import { AuditRepository } from './audit.repository.ts';
import { AuditService } from './audit.service.ts';
import { AuditTrail } from './audit-trail.service.ts';

@Module({
  controllers: [AuditController],
  providers: [
    AuditService,
    AdminsByKeysService,
    AuditRepository,
    AuditTrail,
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
  ],
  exports: [AuditTrail],
})
export class AuditModule {}
