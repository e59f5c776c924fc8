import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { timingSafeEqual, createHash } from 'node:crypto';
import { assertAllowed, type Caller, isOpenToEverybody, type PathParameters } from '@caregate/access';
import { IdentityService } from '@caregate/identity';
import { BadRequest, CONFIG, Forbidden, type ServedOperation, Unauthorized } from '@caregate/service';
import { ApiKeysService } from '../api-keys/api-keys.service.ts';
import type { ClinicApiConfig } from '../config.ts';
import { ShardFacts } from './facts.ts';
import { AccountStandings } from '../moves/account-standings.service.ts';
import { HostRules } from './host-rules.ts';
import { RateLimits } from './rate-limits.ts';

const SESSION_HEADER = 'x-tidepool-session-token';

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
      : await this.standings.orAtItsHost(request, () => this.callerOf(request));
    await this.limits.ofCaller(request.caller, reply);
    assertKeyOfHost(request);
    const found = await this.standings.find(request, operation);
    // Route parameters are texts as they stand in the path.
    await assertAllowed(operationId, request.caller, request.params as PathParameters, this.facts);
    await this.standings.admit(request, operation, found);
  }

  private async callerOf(request: FastifyRequest): Promise<Caller> {
    const { authorization, [SESSION_HEADER]: token } = request.headers;
    if (authorization !== undefined && /^basic /i.test(authorization)) return this.apiKeys.callerOf(authorization);
    if (authorization !== undefined && /^bearer /i.test(authorization)) return this.directory(authorization);
    if (typeof token !== 'string' || token === '') throw new BadRequest('session token is missing');
    const principal = await this.identity.authenticate(token);
    if (!principal) throw new Unauthorized('session token is invalid');
    return principal;
  }

  private directory(authorization: string): Caller {
    const secret = authorization.slice('bearer '.length);
    if (this.config.PROVISIONING_SECRET === undefined || !sameText(secret, this.config.PROVISIONING_SECRET)) {
      throw new Unauthorized(
        'the provisioning secret is wrong; the directory and this shard must have the same PROVISIONING_SECRET',
      );
    }
    return { kind: 'directory' };
  }
}

/** A key works for its own account only, so also at no other account's address. */
function assertKeyOfHost({ caller, account }: FastifyRequest): void {
  if (caller.kind === 'apiKey' && account && account._id !== caller.accountId) {
    throw new Forbidden(
      "the API key belongs to another account; send the request to that account's host or to the API host",
    );
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest();
const sameText = (a: string, b: string) => timingSafeEqual(digest(a), digest(b));
