import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '@caregate/access';
import type { AccountDocument, Whose } from '@caregate/clinic-model';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the gate before any handler runs. */
    caller: Caller;
    /** The account whose subdomain the request came to; undefined on the API host. */
    account: AccountDocument | undefined;
    /** Whose data the request may write; undefined for reads, and where no account is concerned. */
    whose: Whose | undefined;
  }
}

const requestOf = (context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>();

/** The caller that the gate let in. */
export const By = createParamDecorator((_: unknown, context: ExecutionContext): Caller => requestOf(context).caller);

/** The account that a new clinic will belong to: that of the subdomain, or of the key. */
export const OfAccount = createParamDecorator((_: unknown, context: ExecutionContext): string | undefined => {
  const { account, caller } = requestOf(context);
  return account?._id ?? (caller.kind === 'apiKey' ? caller.accountId : undefined);
});
