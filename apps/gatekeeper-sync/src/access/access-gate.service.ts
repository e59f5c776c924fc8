import { Injectable } from '@nestjs/common';
import { IdentityService, isUserId, type Permissions, type Principal, type UserId } from '@caregate/identity';
import {
  BadRequest,
  Forbidden,
  knowCaller,
  type ServedOperation,
  SESSION_HEADER,
  Unauthorized,
} from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import { AccessService } from './access.service.ts';
import { mayShare } from './permissions.ts';
import { ReadAfter } from './read-after.guard.ts';

/**
 * Who may ask what: a service everything; a user to read what names them; someone with `admin` or `custodian` permission for a user,
 * directly or through a clinic, to read and to change what names that user. A grantee with any permission may end their own.
 */
@Injectable()
export class AccessGate {
  constructor(
    private readonly identity: IdentityService,
    private readonly access: AccessService,
    private readonly readAfter: ReadAfter,
  ) {}

  /** @throws {BadRequest} without a token, {Unauthorized} with an unknown one, {Forbidden} when the caller may not ask this */
  async admit(request: FastifyRequest, { operationId }: ServedOperation): Promise<void> {
    const caller = await this.callerOf(request);
    request.principal = caller;
    knowCaller(request, caller.kind === 'user' ? caller.userId : `service:${caller.name}`);
    if (caller.kind === 'service') return;
    // Route parameters are texts as they stand in the path.
    const { userId, granteeId } = request.params as Readonly<Record<string, string | undefined>>;
    if (caller.userId === userId) return;
    const isGrantee = caller.userId === granteeId;
    if (operationId !== 'SetPermissions' && isGrantee) return;
    await this.readAfter.wait(request); // the rows that admit are no older than those that are answered
    // Whether a grantee really leaves, the body will say; a change is decided once more where it is made (`DirectSharing`).
    if (!mayShare(await this.permissionsOf(caller.userId, userId), { leaves: isGrantee })) throw new Forbidden();
  }

  private async callerOf({ headers }: FastifyRequest): Promise<Principal> {
    const token = headers[SESSION_HEADER];
    if (typeof token !== 'string' || token === '') throw new BadRequest('session token is missing');
    const caller = await this.identity.authenticate(token);
    if (!caller) throw new Unauthorized('session token is invalid');
    return caller;
  }

  private async permissionsOf(callerId: UserId, userId: string | undefined): Promise<Permissions> {
    return userId !== undefined && isUserId(userId) ? this.access.grantedTo(callerId, userId) : {};
  }
}
