import { type DynamicModule, Module } from '@nestjs/common';
import { prepareClinicDatabase } from '@caregate/clinic-model';
import { IdentityModule, prepareLocalIdentity } from '@caregate/identity';
import { claimClinicDatabase, MongoModule } from '@caregate/service';
import { AccountsModule } from './accounts/accounts.module.ts';
import { ApiKeysModule } from './api-keys/api-keys.module.ts';
import { AuditModule } from './audit/audit.module.ts';
import { ClinicsModule } from './clinics/clinics.module.ts';
import { ClinicianInvitesModule } from './clinician-invites/clinician-invites.module.ts';
import { CliniciansModule } from './clinicians/clinicians.module.ts';
import { IdempotencyModule } from './idempotency/idempotency.module.ts';
import { MailLimitsModule } from './mail-limits/mail-limits.module.ts';
import { MailLimits } from './mail-limits/mail-limits.service.ts';
import { MergeModule } from './merge/merge.module.ts';
import { MigrationsModule } from './migrations/migrations.module.ts';
import { MovesModule } from './moves/moves.module.ts';
import { UsersModule } from './users/users.module.ts';
import type { ClinicApiConfig } from './config.ts';
import { CountsModule } from './counts/counts.module.ts';
import { GateModule } from './gate/gate.module.ts';
import { ModelsModule } from './models.module.ts';
import { PatientInvitesModule } from './patient-invites/patient-invites.module.ts';
import { PatientsModule } from './patients/patients.module.ts';
import { QuotasModule } from './quotas/quotas.module.ts';
import { CallersModule } from './callers/callers.module.ts';
import { SessionsController } from './sessions/sessions.controller.ts';
import { SettingsModule } from './settings/settings.module.ts';
import { SitesModule } from './sites/sites.module.ts';
import { TagsModule } from './tags/tags.module.ts';
import { TideModule } from './tide/tide.module.ts';

/** The clinic API of one shard: table of contents. */
@Module({})
export class AppModule {
  static forRoot(config: ClinicApiConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        MongoModule.forRoot({
          uri: config.MONGODB_URI,
          claim: (connection) => claimClinicDatabase(connection, config.SHARD_ID),
          prepare: async (connection) => {
            await prepareClinicDatabase(connection, {
              deletionsKeptDays: config.DELETIONS_KEPT_DAYS,
              auditKeptDays: config.AUDIT_RETENTION_DAYS,
            });
            await MailLimits.prepare(connection);
            if (config.IDENTITY === 'local') await prepareLocalIdentity(connection);
          },
        }),
        ModelsModule,
        IdentityModule.forRoot(config),
        QuotasModule,
        GateModule,
        MovesModule, // its interceptor is the outermost: nothing of a request is written before or after it
        AuditModule, // outside of idempotency: answers that are given again are recorded too
        IdempotencyModule,
        MailLimitsModule,
        AccountsModule,
        ApiKeysModule,
        CallersModule,
        ClinicsModule,
        SettingsModule,
        CountsModule,
        TagsModule,
        SitesModule,
        MergeModule,
        ClinicianInvitesModule,
        CliniciansModule,
        MigrationsModule,
        UsersModule,
        PatientsModule,
        PatientInvitesModule,
        TideModule,
      ],
      controllers: [SessionsController],
    };
  }
}
