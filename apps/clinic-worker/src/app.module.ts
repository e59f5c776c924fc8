import { CLINIC_MODELS, clinicModels } from '@caregate/clinic-model';
import { IdentityModule, prepareLocalIdentity, SharingRepository } from '@caregate/identity';
import { MailModule, prepareMail } from '@caregate/mail';
import { claimClinicDatabase, MONGO, MongoModule } from '@caregate/service';
import { type DynamicModule, Module } from '@nestjs/common';
import { Addressees } from './addressees.service.ts';
import type { ClinicWorkerConfig } from './config.ts';
import { CustodialAccounts } from './erasure/custodial-accounts.ts';
import { RetentionSweep } from './erasure/retention-sweep.ts';
import { Links } from './links.ts';
import { AccountDoor } from './moves/account-door.ts';
import { honouringMoves, MoveInterceptor } from './moves/move.interceptor.ts';
import { apiUrl, appUrl } from './config.ts';
import { MigrantsRepository } from './migrations/migrants.repository.ts';
import { MigrationService } from './migrations/migration.service.ts';
import { Records } from './records.service.ts';
import { reactions } from './reactions/index.ts';
import { Tenants } from './tenants.ts';

/** What happens on a shard because something changed: table of contents. */
@Module({})
export class AppModule {
  static forRoot(config: ClinicWorkerConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        MongoModule.forRoot({
          uri: config.MONGODB_URI,
          claim: (connection) => claimClinicDatabase(connection, config.SHARD_ID),
          prepare: async (connection) => {
            if (config.IDENTITY === 'local') await prepareLocalIdentity(connection);
            await SharingRepository.prepareSharing(connection);
            await prepareMail(connection);
          },
        }),
        IdentityModule.forRoot(config),
        MailModule.forRoot({
          url: config.SMTP_URL,
          from: config.MAIL_FROM,
          connections: config.MAIL_CONNECTIONS,
          perMinute: config.MAILS_PER_MINUTE,
          lease: config.MAIL_LEASE_SECONDS * 1_000,
          unknownWait: config.MAIL_UNKNOWN_SECONDS * 1_000,
          tenantsOn: (connection) => {
            const tenants = new Tenants(connection);
            return (clinicId) => tenants.ofClinic(clinicId);
          },
        }),
      ],
      controllers: reactions.map((reaction) => honouringMoves(reaction)),
      providers: [
        { provide: CLINIC_MODELS, inject: [MONGO], useFactory: clinicModels },
        { provide: Links, useValue: new Links(appUrl(config), apiUrl(config)) },
        Addressees,
        Records,
        Tenants,
        MigrantsRepository,
        MigrationService,
        AccountDoor,
        CustodialAccounts,
        RetentionSweep,
        MoveInterceptor,
      ],
    };
  }
}
