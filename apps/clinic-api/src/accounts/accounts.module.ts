import { Module } from '@nestjs/common';
import { AccountsController } from './accounts.controller.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { AccountsService } from './accounts.service.ts';
import { ConfirmationController } from './confirmation.controller.ts';
import { SignUpsRepository } from './sign-ups.repository.ts';

@Module({
  controllers: [AccountsController, ConfirmationController],
  providers: [AccountsService, AccountsRepository, SignUpsRepository],
  exports: [AccountsRepository],
})
export class AccountsModule {}
