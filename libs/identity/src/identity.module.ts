import { type DynamicModule, Module } from '@nestjs/common';
import { LOGGER, type Logger, MONGO } from '@caregate/service';
import type { Connection } from 'mongoose';
import { HttpIdentity } from './http/http-identity.ts';
import { IdentityService } from './identity-service.ts';
import { LocalIdentity } from './local/local-identity.ts';
import { LinkSecrets } from './link-secrets.ts';
import { httpConfig, type IdentityConfig, linkSecrets, localConfig } from './settings.ts';

/** Provides IdentityService and LinkSecrets to the whole app. With IDENTITY=local, MongoModule must be there and prepare with `prepareLocalIdentity`. */
@Module({})
export class IdentityModule {
  /** @throws {ConfigError} when the settings do not fit together */
  static forRoot(config: IdentityConfig): DynamicModule {
    return {
      module: IdentityModule,
      global: true,
      providers: [identityProvider(config), { provide: LinkSecrets, useValue: linkSecrets(config) }],
      exports: [IdentityService, LinkSecrets],
    };
  }
}

function identityProvider(config: IdentityConfig) {
  if (config.IDENTITY === 'http') {
    const remote = httpConfig(config);
    return { provide: IdentityService, useFactory: () => new HttpIdentity(remote) };
  }
  const local = localConfig(config);
  return {
    provide: IdentityService,
    inject: [MONGO, LOGGER],
    useFactory: (connection: Connection, logger: Logger) => new LocalIdentity(connection, local, logger),
  };
}
