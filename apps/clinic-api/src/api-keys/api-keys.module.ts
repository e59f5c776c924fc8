import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { MovesModule } from '../moves/moves.module.ts';
import { ApiKeysController } from './api-keys.controller.ts';
import { ApiKeysRepository } from './api-keys.repository.ts';
import { ApiKeysService } from './api-keys.service.ts';
import { KeyPeople } from './key-people.service.ts';
import { ImportedKeysController } from './imported-keys.controller.ts';
import { ImportedKeysService } from './imported-keys.service.ts';

@Module({
  imports: [AccountsModule, MovesModule],
  controllers: [ApiKeysController, ImportedKeysController],
  providers: [ApiKeysService, ApiKeysRepository, ImportedKeysService, KeyPeople],
  exports: [ApiKeysService],
})
export class ApiKeysModule {}
