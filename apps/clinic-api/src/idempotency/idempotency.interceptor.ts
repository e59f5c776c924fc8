import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerName } from '@caregate/access';
import type { AccountId } from '@caregate/clinic-model';
import { contracts, operations } from '@caregate/contracts';
import { operationOf } from '@caregate/service';
import { defer, lastValueFrom, type Observable } from 'rxjs';
import { Idempotency, RecordedRefusal } from './idempotency.service.ts';
import { KeyedRequest } from './keyed-request.ts';

const HEADER = 'idempotency-key';

/** The operations whose contract offers the header. */
const OFFERED = new Set(
  [contracts.clinic, contracts.account]
    .flatMap(operations)
    .filter(({ headerParameters }) => headerParameters.some(({ name }) => name.toLowerCase() === HEADER))
    .map(({ operationId }) => operationId),
);

/** What a handler says about its body, apart from the status. */
const KEPT_HEADERS = ['content-type', 'content-disposition', 'cache-control'];

/** Carries out a POST with an `Idempotency-Key` once; whoever sends it again gets the recorded answer. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly idempotency: Idempotency) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const operation = operationOf(request);
    const key = request.headers[HEADER];
    if (typeof key !== 'string' || !operation || !OFFERED.has(operation.operationId)) return next.handle();
    return defer(() =>
      this.once(
        keyedRequest(request, key, operation.operationId),
        context.switchToHttp().getResponse<FastifyReply>(),
        next,
      ),
    );
  }

  private async once(keyed: KeyedRequest, reply: FastifyReply, next: CallHandler): Promise<unknown> {
    let made: unknown;
    const answer = await this.idempotency.once(keyed, async () => {
      made = await lastValueFrom(next.handle(), { defaultValue: undefined });
      const body = made === undefined ? undefined : JSON.stringify(made);
      return { status: reply.statusCode, headers: keptHeaders(reply), body };
    });
    if (!answer.repeated) return made;
    void reply.header('idempotent-replayed', 'true');
    if (answer.status >= 400) throw new RecordedRefusal(answer);
    void reply.status(answer.status).headers(answer.headers);
    return answer.body === undefined ? undefined : JSON.parse(answer.body);
  }
}

function keptHeaders(reply: FastifyReply): Record<string, string> {
  const set = KEPT_HEADERS.flatMap((name) => {
    const value = reply.getHeader(name);
    return value === undefined ? [] : [[name, String(value)]];
  });
  return Object.fromEntries(set);
}

function keyedRequest(
  { caller, account, params, query, body }: FastifyRequest,
  key: string,
  operationId: string,
): KeyedRequest {
  const sent = { operationId, params: params as Record<string, string>, query, body }; // validated route parameters
  const inPath = sent.params['accountId'] as AccountId | undefined;
  const accountId = caller.kind === 'apiKey' ? caller.accountId : (account?._id ?? inPath);
  return new KeyedRequest(callerName(caller), key, sent, accountId);
}
