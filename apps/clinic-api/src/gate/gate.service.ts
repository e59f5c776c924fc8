import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  assertAllowed,
  type Caller,
  callerName,
  isOpenToEverybody,
  type PathParameters,
  type Who,
} from '@caregate/access';
import { IdentityService } from '@caregate/identity';
import { readDirectoryToken } from '@caregate/identity/directory-token';
import {
  BadRequest,
  challengeForKey,
  CONFIG,
  Forbidden,
  knowCaller,
  type ServedOperation,
  SESSION_HEADER,
  Unauthorized,
} from '@caregate/service';
import { ApiKeysService } from '../api-keys/api-keys.service.ts';
import type { ClinicApiConfig } from '../config.ts';
import { ShardFacts } from './facts.ts';
import { AccountStandings, type Found } from '../moves/account-standings.service.ts';
import { HostRules } from './host-rules.ts';
import { RateLimits } from './rate-limits.ts';

const BY_MEMBERSHIP: ReadonlySet<Who> = new Set(['member', 'admin', 'ownMembership']);

/** Lets a request in or says why not: the right host, a known caller, an operation that this caller may call. */
@Injectable()
export class Gate {
  constructor(
    private readonly identity: IdentityService,
    private readonly apiKeys: ApiKeysService,
    private readonly facts: ShardFacts,
    private readonly hosts: HostRules,
    private readonly standings: AccountStandings,
    private readonly limits: RateLimits,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
  ) {}

  async admit(request: FastifyRequest, operation: ServedOperation, reply: FastifyReply): Promise<void> {
    const { operationId } = operation;
    await this.limits.ofAddress(request.ip, reply);
    request.account = await this.hosts.accountOf(request);
    request.caller = isOpenToEverybody(operationId)
      ? { kind: 'nobody' }
      : await this.standings.orAtItsHost(request, () => this.callerOf(request, operation, reply));
    const line = lineOf(request.caller);
    if (line !== undefined) knowCaller(request, line);
    await this.limits.ofCaller(request.caller, reply);
    assertKeyOfHost(request);
    const found = await this.standings.find(request, operation);
    // Route parameters are texts as they stand in the path.
    const path = request.params as PathParameters;
    const who = await assertAllowed(operationId, request.caller, path, this.facts);
    await this.countForAccount(request, who, found, reply);
    await this.standings.admit(request, operation, found);
  }

  /** Requests of people by their part in a clinic or an account, so that nobody uses up what is another's. */
  private async countForAccount({ params }: FastifyRequest, who: Who, found: Found, reply: FastifyReply) {
    const { clinicId, accountId } = params as PathParameters;
    if (who === 'accountOwner' && accountId !== undefined) return this.limits.ofAccount(accountId, accountId, reply);
    if (!BY_MEMBERSHIP.has(who) || clinicId === undefined) return;
    const ofAccount = typeof found === 'object' ? found.accountId : undefined;
    return this.limits.ofAccount(ofAccount ?? clinicId, ofAccount, reply);
  }

  /** Whether the caller has no part in the clinic or account that the path names, or it names none. Services and the directory are none. */
  async isStranger({ caller, params }: FastifyRequest): Promise<boolean> {
    if (caller.kind !== 'user' && caller.kind !== 'apiKey') return false;
    const { clinicId, accountId } = params as PathParameters;
    if (clinicId !== undefined) {
      if (caller.kind === 'apiKey') return (await this.facts.accountOfClinic(clinicId)) !== caller.accountId;
      return (await this.facts.rolesIn(clinicId, caller.userId)).length === 0;
    }
    if (accountId === undefined) return true;
    if (caller.kind === 'apiKey') return accountId !== caller.accountId;
    return (await this.facts.ownerOfAccount(accountId)) !== caller.userId;
  }

  private async callerOf(request: FastifyRequest, operation: ServedOperation, reply: FastifyReply): Promise<Caller> {
    const { authorization, [SESSION_HEADER]: token } = request.headers;
    if (authorization !== undefined && /^basic /i.test(authorization)) return this.ofKey(authorization, request, reply);
    if (authorization !== undefined && /^bearer /i.test(authorization))
      return this.directory(authorization, request, operation);
    if (typeof token !== 'string' || token === '') throw new BadRequest(NOBODY_SAID);
    const principal = await this.identity.authenticate(token);
    if (!principal) throw new Unauthorized('session token is invalid');
    return principal;
  }

  private async ofKey(authorization: string, request: FastifyRequest, reply: FastifyReply): Promise<Caller> {
    try {
      return await this.apiKeys.callerOf(authorization);
    } catch (error) {
      if (error instanceof Unauthorized) challengeForKey(request, reply);
      throw error;
    }
  }

  /** A token is good for the very operation and account that it names. What it says of a move the body may contradict: `OfItsMove`. */
  private async directory(authorization: string, request: FastifyRequest, operation: ServedOperation): Promise<Caller> {
    const { DIRECTORY_PUBLIC_KEYS: keys, SHARD_ID } = this.config;
    const grant = keys && (await readDirectoryToken(keys, SHARD_ID, authorization.slice('bearer '.length)));
    const { accountId } = request.params as PathParameters; // texts as they stand in the path
    if (!grant) throw new Unauthorized(NOT_OF_THE_DIRECTORY);
    if (grant.operationId !== operation.operationId || (accountId !== undefined && accountId !== grant.accountId))
      throw new Unauthorized('this token of the directory is for another operation or account');
    return { kind: 'directory', ...grant };
  }
}

/** In which line a caller's requests wait when there are too many: all keys of an account wait in one, as an account may make many. */
function lineOf(caller: Caller): string | undefined {
  if (caller.kind === 'nobody' || caller.kind === 'directory') return undefined;
  return caller.kind === 'apiKey' ? `account:${caller.accountId}` : callerName(caller);
}

const NOBODY_SAID =
  'session token is missing: send one as x-tidepool-session-token, or with this very request an API key as the user name of Basic with an empty password';

/** Most who send a bearer token are people and programs who only took the wrong way to say who they are. */
const NOT_OF_THE_DIRECTORY =
  'Bearer is for tokens of the directory: send an API key as the user name of Basic with an empty password, and a session token as x-tidepool-session-token. To an operator: the token is not signed for this shard by a directory that it knows, or is over; DIRECTORY_PUBLIC_KEYS must hold the public half of DIRECTORY_SIGNING_KEY, and the clocks must agree';

/** A key works for its own account only, so also at no other account's address. */
function assertKeyOfHost({ caller, account }: FastifyRequest): void {
  if (caller.kind === 'apiKey' && account && account._id !== caller.accountId) {
    throw new Forbidden(
      "the API key belongs to another account; send the request to that account's host or to the API host",
    );
  }
}
