import { Body, Controller, Get, Header, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { AccountId } from '@caregate/clinic-model';
import { aside, CaregateError, CONFIG, PAGE_HEADERS, PAGE_STYLE } from '@caregate/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ClinicApiConfig } from '../config.ts';
import { AccountsService } from './accounts.service.ts';
import { confirmationForm, confirmedPage, expiredPage, wrongLinkPage } from './confirmation.page.ts';

export const CONFIRMATION_ROUTE = '/sign-up/:accountId/:secret';

/** Where the link leads that proves the address of a new account's owner. To open it changes nothing, as mail servers open links too. */
@Controller()
export class ConfirmationController {
  constructor(
    private readonly accounts: AccountsService,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
  ) {}

  @Get(CONFIRMATION_ROUTE)
  open(
    @Param('accountId') accountId: AccountId,
    @Param('secret') secret: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.answer(accountId, secret, reply);
  }

  @Post(CONFIRMATION_ROUTE)
  async confirm(
    @Param('accountId') accountId: AccountId,
    @Param('secret') secret: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const linked = await this.accounts.linked(accountId, secret);
    if (linked?.state !== 'unconfirmed') return this.answer(accountId, secret, reply);
    const password = (typeof body === 'string' && new URLSearchParams(body).get('password')) || '';
    try {
      await aside(request, () => this.accounts.confirm(linked.signUp, password, request));
      return this.answer(accountId, secret, reply);
    } catch (error) {
      if (!(error instanceof CaregateError)) throw error;
      void reply.headers(error.headers);
      return show(reply, error.status, this.form(linked.signUp.subdomain, error.message));
    }
  }

  @Get('sign-up/page.css')
  @Header('content-type', 'text/css; charset=utf-8')
  style(): string {
    return PAGE_STYLE;
  }

  private async answer(accountId: AccountId, secret: string, reply: FastifyReply): Promise<string> {
    const linked = await this.accounts.linked(accountId, secret);
    if (!linked) return show(reply, 404, wrongLinkPage());
    if (linked.state === 'expired') return show(reply, 410, expiredPage());
    if (linked.state === 'confirmed') return show(reply, 200, confirmedPage(this.hostOf(linked.account.subdomain)));
    return show(reply, 200, this.form(linked.signUp.subdomain));
  }

  private form(subdomain: string, fault?: string): string {
    const withPassword = this.config.IDENTITY === 'local';
    return confirmationForm({ host: this.hostOf(subdomain), withPassword, ...(fault !== undefined && { fault }) });
  }

  private hostOf(subdomain: string): string {
    return `${subdomain}.${this.config.SHARD_ID}.${this.config.DOMAIN}`;
  }
}

function show(reply: FastifyReply, status: number, html: string): string {
  void reply.code(status).headers(PAGE_HEADERS);
  return html;
}
