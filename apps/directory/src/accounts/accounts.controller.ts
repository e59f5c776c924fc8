import { Body, Controller, Headers, Ip, Param, Query, Req } from '@nestjs/common';
import { aside } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import { Operation } from '../contract.ts';
import type { AccountsPage, SignUp } from './account.ts';
import { AccountsService } from './accounts.service.ts';
import { SignUpLimit } from './sign-up-limit.ts';

@Controller()
export class AccountsController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly limit: SignUpLimit,
  ) {}

  @Operation('SignUp')
  async signUp(
    @Body() wanted: SignUp,
    @Ip() address: string,
    @Headers('idempotency-key') key: string | undefined,
    @Req() request: FastifyRequest,
  ) {
    await this.limit.count(address, wanted.owner.email);
    return aside(request, () => this.accounts.signUp(wanted, key));
  }

  /** The contract has checked what is asked. */
  @Operation('ListAccounts')
  list(@Query() page: AccountsPage) {
    return this.accounts.list(page);
  }

  @Operation('GetSubdomain')
  availability(@Param('subdomain') subdomain: string) {
    return this.accounts.availability(subdomain);
  }

  @Operation('GrantKeyImport')
  grantKeyImport(@Param('subdomain') subdomain: string) {
    return this.accounts.grantKeyImport(subdomain);
  }

  @Operation('GetAccountLocation')
  locate(@Param('subdomain') subdomain: string) {
    return this.accounts.locate(subdomain);
  }
}
