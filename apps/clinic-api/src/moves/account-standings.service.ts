import { Injectable } from '@nestjs/common';
import { ANY_ACCOUNT, DoorClosed, isObjectIdText, objectId, type Whose } from '@caregate/clinic-model';
import { NotFound, type ServedOperation, ServiceUnavailable } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import { AccountsRepository } from '../accounts/accounts.repository.ts';
import { AccountDoor } from './account-door.ts';
import { MovedElsewhere, WrongShard } from './moved-elsewhere.ts';

/** Change sessions, not what accounts hold. */
const OF_NO_ACCOUNT: ReadonlySet<string> = new Set(['SignIn', 'SignOut']);
/** Reach clinics beside those of the account that the host names. */
const OF_SEVERAL: ReadonlySet<string> = new Set(['MergeClinic', 'DeleteUser']);
/** What operators ask of an account by way of the directory; all else that the directory asks is part of placing and moving it. */
const OF_OPERATORS: ReadonlySet<string> = new Set(['ListApiKeys', 'RevokeApiKey', 'GetQuotas', 'SetQuotas']);
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** The account that a path names, or by a clinic of it; none where there is no such account, and nobody asks of it. */
export type Found = { readonly accountId: string } | 'arriving' | 'none' | 'unknown' | 'not asked';

/** Where the account stands that a request is about: here, on its way here, about to leave, or gone. */
@Injectable()
export class AccountStandings {
  constructor(
    private readonly door: AccountDoor,
    private readonly accounts: AccountsRepository,
  ) {}

  /**
   * What the path names, for whoever may know it or not: where an account has gone its own host says to everybody.
   * @throws {MovedElsewhere} when it lives on another shard now, so that what gave its people rights may be gone from here
   */
  async find(request: FastifyRequest, { operationId }: ServedOperation): Promise<Found> {
    if (request.caller.kind === 'nobody') return 'not asked';
    if (request.caller.kind === 'directory' && !OF_OPERATORS.has(operationId)) return 'not asked';
    const found = await this.accountInPath(request);
    const moved = typeof found === 'object' ? this.door.standingOf(found.accountId)?.moved : undefined;
    if (moved) throw new MovedElsewhere(moved.shard, moved.apiUrl, request);
    return found;
  }

  /**
   * For those who have rights: to others it is nothing that an account comes or goes.
   * @throws {NotFound} when what the path names is only on its way here
   * @throws {ServiceUnavailable} for a write while the account is about to leave
   */
  async admit(request: FastifyRequest, operation: ServedOperation, found: Found): Promise<void> {
    if (found === 'not asked') return;
    if (found === 'arriving') throw new NotFound('clinic not found');
    const account = typeof found === 'object' ? found.accountId : undefined;
    request.whose = await this.whose(request, operation, account);
    if (request.whose === undefined) return;
    try {
      this.door.assertOpen(request.whose);
    } catch (error) {
      throw whatToSay(request, error);
    }
  }

  /** At an account's own host whoever calls is led on in one way, also when the account leaves at this very moment. */
  async orAtItsHost<T>(request: FastifyRequest, identify: () => Promise<T>): Promise<T> {
    try {
      return await identify();
    } catch (error) {
      const moved = error instanceof WrongShard && request.account && this.door.standingOf(request.account._id)?.moved;
      throw moved ? new MovedElsewhere(moved.shard, moved.accountUrl, request) : error;
    }
  }

  /** Lets a write in. Throws as `admit`, also when the account is fenced while the write is under way. */
  async write<T>(request: FastifyRequest, whose: Whose, work: () => Promise<T>): Promise<T> {
    try {
      return await this.door.write(whose, work);
    } catch (error) {
      throw whatToSay(request, error);
    }
  }

  private async accountInPath({ params }: FastifyRequest): Promise<Found> {
    const { clinicId, accountId } = params as Record<string, string | undefined>; // route parameters are texts
    if (clinicId === undefined) return accountId === undefined ? 'none' : { accountId };
    return isObjectIdText(clinicId) ? this.door.accountOfClinic(objectId(clinicId)) : 'unknown';
  }

  private async whose(
    { method, params, caller, account }: FastifyRequest,
    operation: ServedOperation,
    inPath: string | undefined,
  ): Promise<Whose | undefined> {
    const { operationId } = operation;
    if (READS.has(method) || OF_NO_ACCOUNT.has(operationId)) return undefined;
    if (OF_SEVERAL.has(operationId)) return ANY_ACCOUNT;
    if (inPath !== undefined) return inPath;
    if ('clinicId' in (params as object)) return undefined; // a clinic without an account, or none
    if (account) return account._id;
    if (caller.kind === 'apiKey') return caller.accountId;
    if (operationId === 'CreateClinic')
      return caller.kind === 'user' ? (await this.accounts.ownedBy(caller.userId))?._id : undefined;
    return ANY_ACCOUNT;
  }
}

function whatToSay(request: FastifyRequest, error: unknown): unknown {
  if (!(error instanceof DoorClosed)) return error;
  if (error.moved) return new MovedElsewhere(error.moved.shard, error.moved.apiUrl, request);
  return new ServiceUnavailable(error.message);
}
