import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClaimedMove } from './move-claims.ts';

/** The move that the directory's token is for, as `OfItsMove` has let it in. A directory of an earlier version counts no claims. */
export const OfMove = createParamDecorator((_: unknown, context: ExecutionContext): ClaimedMove => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (caller.kind !== 'directory' || caller.moveId === undefined) throw new Error('only the directory moves accounts');
  return { moveId: caller.moveId, claim: caller.claim ?? 0 };
});
