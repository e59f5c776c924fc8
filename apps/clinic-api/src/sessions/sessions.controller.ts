import { Body, Controller, Ip, Req, Res } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import { IdentityService } from '@caregate/identity';
import { aside, Unauthorized } from '@caregate/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountAudit } from '../audit/account-audit.service.ts';
import { concernsAccounts } from '../audit/concerns.ts';
import { AccountOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';

/** Signing in with the local identity; a remote identity service has its own sign-in. */
@Controller()
export class SessionsController {
  constructor(
    private readonly identity: IdentityService,
    private readonly audit: AccountAudit,
  ) {}

  @AccountOperation('SignIn')
  async signIn(
    @Body() { email, password }: { email: string; password: string },
    @Ip() address: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const session = await aside(request, () => this.identity.signIn(email, password, address)).catch(
      (error: unknown) => {
        if (error instanceof Unauthorized) this.audit.notSignedIn(email, request, error.status);
        throw error;
      },
    );
    await this.audit.signedIn(session.userId, request, reply.statusCode);
    void reply.header('cache-control', 'no-store');
    return session;
  }

  @AccountOperation('SignOut')
  async signOut(@By() caller: Caller) {
    if (caller.kind !== 'user') return;
    concernsAccounts((await this.audit.placesOf(caller.userId)).accounts);
    await this.identity.deleteSessions(caller.userId);
  }
}
