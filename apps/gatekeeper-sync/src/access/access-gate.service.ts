import { Injectable } from '@nestjs/common';
import { IdentityService, isUserId, type Principal, type UserId } from '@caregate/identity';
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
import { letsReadOthersRows } from './permissions.ts';
import { ReadAfter } from './read-after.guard.ts';

/**
 * Who may ask what (behaviour, "Gatekeeper"): a service everything; a user what names them; someone with `admin` or `custodian`
 * permission for a user what names that user. Only a service or the user themselves share the user's data.
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
    if (operationId === 'SetPermissions') throw new Forbidden();
    if (caller.userId === granteeId) return;
    await this.readAfter.wait(request); // the rows that admit are no older than those that are answered
    if (!(await this.looksAfter(caller.userId, userId))) throw new Forbidden();
  }

  private async callerOf({ headers }: FastifyRequest): Promise<Principal> {
    const token = headers[SESSION_HEADER];
    if (typeof token !== 'string' || token === '') throw new BadRequest('session token is missing');
    const caller = await this.identity.authenticate(token);
    if (!caller) throw new Unauthorized('session token is invalid');
    return caller;
  }

  private async looksAfter(callerId: UserId, userId: string | undefined): Promise<boolean> {
    if (userId === undefined || !isUserId(userId)) return false;
    return letsReadOthersRows(await this.access.grantedTo(callerId, userId));
  }
}
