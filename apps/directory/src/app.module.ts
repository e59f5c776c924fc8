import { type DynamicModule, Module } from '@nestjs/common';
import { claimDirectoryDatabase, MongoModule } from '@caregate/service';
import { AccountsModule } from './accounts/accounts.module.ts';
import { AccountsRepository } from './accounts/accounts.repository.ts';
import { SignUpLimit } from './accounts/sign-up-limit.ts';
import type { DirectoryConfig } from './config.ts';
import { MoveFigures } from './move-figures/move-figures.service.ts';
import { MoveFiguresModule } from './move-figures/move-figures.module.ts';
import { MovesModule } from './moves/moves.module.ts';
import { MovesRepository } from './moves/moves.repository.ts';
import { ShardsModule } from './shards/shards.module.ts';
import { SignUpModule } from './sign-up/sign-up.module.ts';

/** The directory: table of contents. */
@Module({})
export class AppModule {
  static forRoot(config: DirectoryConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        MongoModule.forRoot({
          uri: config.MONGODB_URI,
          claim: claimDirectoryDatabase,
          prepare: async (connection) => {
            await AccountsRepository.prepare(connection);
            await MovesRepository.prepare(connection);
            await MoveFigures.prepare(connection);
            await SignUpLimit.prepare(connection);
          },
        }),
        ShardsModule.forRoot(config),
        AccountsModule,
        MovesModule,
        MoveFiguresModule,
        SignUpModule,
      ],
    };
  }
}
