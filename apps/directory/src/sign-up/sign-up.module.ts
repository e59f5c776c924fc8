import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { SignUpController } from './sign-up.controller.ts';

@Module({ imports: [AccountsModule], controllers: [SignUpController] })
export class SignUpModule {}
