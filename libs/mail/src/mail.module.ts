import { LOGGER, type Logger, Metrics, MONGO } from '@caregate/service';
import { type DynamicModule, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Connection } from 'mongoose';
import { Mail, type MailSettings } from './mail.ts';

/** Gives the app its `Mail`, on the app's own database, and closes it after everything that sends. */
@Module({})
export class MailModule implements OnApplicationShutdown {
  constructor(private readonly mail: Mail) {}

  static forRoot(settings: Omit<MailSettings, 'connection' | 'logger' | 'metrics'>): DynamicModule {
    return {
      module: MailModule,
      global: true,
      providers: [
        {
          provide: Mail,
          inject: [MONGO, LOGGER, Metrics],
          useFactory: (connection: Connection, logger: Logger, metrics: Metrics) =>
            new Mail({ ...settings, connection, logger, metrics }),
        },
      ],
      exports: [Mail],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.mail.close();
  }
}
