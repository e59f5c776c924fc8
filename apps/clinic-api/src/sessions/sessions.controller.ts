import { Body, Controller, Ip, Res } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import { IdentityService } from '@caregate/identity';
import type { FastifyReply } from 'fastify';
import { AccountOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';

/** Signing in with the local identity; a remote identity service has its own sign-in. */
@Controller()
export class SessionsController {
  constructor(private readonly identity: IdentityService) {}

  @AccountOperation('SignIn')
  async signIn(
    @Body() { email, password }: { email: string; password: string },
    @Ip() address: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const session = await this.identity.signIn(email, password, address);
    void reply.header('cache-control', 'no-store');
    return session;
  }

  @AccountOperation('SignOut')
  async signOut(@By() caller: Caller) {
    if (caller.kind === 'user') await this.identity.deleteSessions(caller.userId);
  }
}
