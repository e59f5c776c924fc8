import { Body, Controller, Get, Header, Ip, Post, Req, Res } from '@nestjs/common';
import { aside, CaregateError, Conflict, PAGE_HEADERS, PAGE_STYLE } from '@caregate/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountsService } from '../accounts/accounts.service.ts';
import { SignUpLimit } from '../accounts/sign-up-limit.ts';
import { ShardsService } from '../shards/shards.service.ts';
import { SCRIPT } from './sign-up.assets.ts';
import { type Faults, fieldsOf, type Filled, readForm } from './sign-up.form.ts';
import { mailedPage, signUpPage } from './sign-up.page.ts';

/** The page on which a person signs up; all that it does is done by AccountsService. */
@Controller()
export class SignUpController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly limit: SignUpLimit,
    private readonly shards: ShardsService,
  ) {}

  @Get('sign-up')
  form(@Res({ passthrough: true }) reply: FastifyReply): string {
    return this.show(reply, 200, signUpPage(this.shards.regions, {}));
  }

  @Post('sign-up')
  async submit(
    @Body() body: unknown,
    @Ip() address: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const filled = typeof body === 'string' ? fieldsOf(body) : {};
    const read = readForm(filled);
    if ('faults' in read) return this.again(reply, 400, filled, read.faults);
    try {
      await this.limit.count(address, read.wanted.owner.email);
      const account = await aside(request, () => this.accounts.signUp(read.wanted, filled.key || undefined));
      const region = this.shards.regions.find(({ id }) => id === account.region);
      return this.show(reply, 201, mailedPage(account, region));
    } catch (error) {
      if (!(error instanceof CaregateError)) throw error;
      if (error instanceof Conflict) return this.again(reply, 409, filled, { subdomain: error.message });
      void reply.headers(error.headers);
      return this.again(reply, error.status, filled, {}, error.message);
    }
  }

  @Get('sign-up/page.css')
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('x-content-type-options', 'nosniff')
  style(): string {
    return PAGE_STYLE;
  }

  @Get('sign-up/page.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Header('x-content-type-options', 'nosniff')
  script(): string {
    return SCRIPT;
  }

  private again(reply: FastifyReply, status: number, filled: Filled, faults: Faults, summary?: string): string {
    const said = summary ?? 'Something is missing or cannot be used; see below.';
    return this.show(reply, status, signUpPage(this.shards.regions, filled, faults, said));
  }

  private show(reply: FastifyReply, status: number, html: string): string {
    void reply.code(status).headers(PAGE_HEADERS);
    return html;
  }
}
