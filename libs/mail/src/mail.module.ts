import { LOGGER, type Logger, Metrics, MONGO } from '@caregate/service';
import { type DynamicModule, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Connection } from 'mongoose';
import { Mail, type MailSettings } from './mail.ts';
import { givesPasswordAway } from './smtp.ts';

const CHECK_EVERY_MS = 30_000;

export interface MailModuleSettings extends Omit<MailSettings, 'connection' | 'logger' | 'metrics' | 'tenantOf'> {
  /** Makes `tenantOf`, on the app's own database. */
  readonly tenantsOn?: (connection: Connection) => NonNullable<MailSettings['tenantOf']>;
}

/** Gives the app its `Mail`, on the app's own database, and closes it after everything that sends. */
@Module({})
export class MailModule implements OnApplicationBootstrap, OnApplicationShutdown {
  private checking: NodeJS.Timeout | undefined;

  constructor(private readonly mail: Mail) {}

  static forRoot({ tenantsOn, ...settings }: MailModuleSettings): DynamicModule {
    return {
      module: MailModule,
      global: true,
      providers: [
        {
          provide: Mail,
          inject: [MONGO, LOGGER, Metrics],
          useFactory: (connection: Connection, logger: Logger, metrics: Metrics) => {
            if (givesPasswordAway(settings.url))
              logger.warn('SMTP_URL has a password and does not insist on TLS; use smtps:// or add ?requireTLS=true');
            const tenantOf = tenantsOn?.(connection);
            return new Mail({ ...settings, ...(tenantOf && { tenantOf }), connection, logger, metrics });
          },
        },
      ],
      exports: [Mail],
    };
  }

  /** Mail waits while its server is away, so that is a figure and no reason not to be ready. */
  onApplicationBootstrap(): void {
    void this.mail.check();
    this.checking = setInterval(() => void this.mail.check(), CHECK_EVERY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.checking);
    await this.mail.close();
  }
}
