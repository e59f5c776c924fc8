import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { CallersController } from './callers.controller.ts';
import { CallersService } from './callers.service.ts';

@Module({ imports: [AccountsModule], controllers: [CallersController], providers: [CallersService] })
export class CallersModule {}
