import { Module } from '@nestjs/common';
import { AccountOperationsController } from './account-operations.controller.ts';
import { AccountsController } from './accounts.controller.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { AccountsService } from './accounts.service.ts';
import { ConfirmationsService } from './confirmations.service.ts';
import { ProvisioningService } from './provisioning.service.ts';
import { ShardClient } from './shard-client.service.ts';
import { SignUpLimit } from './sign-up-limit.ts';

@Module({
  controllers: [AccountsController, AccountOperationsController],
  providers: [AccountsService, AccountsRepository, ProvisioningService, ConfirmationsService, ShardClient, SignUpLimit],
  exports: [AccountsService, AccountsRepository, ConfirmationsService, SignUpLimit],
})
export class AccountsModule {}
