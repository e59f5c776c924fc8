import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { operationOf, Unauthorized } from '@caregate/service';
import type { FastifyRequest } from 'fastify';

/** Where the operations of moves are, below an account. */
const OF_MOVES = /\/(move-claim|departure|arrival|fingerprints)(\/|$)/;

/** Lets the directory in only for the move that its token names. The gate cannot tell: it stands before the body. */
@Injectable()
export class OfItsMove implements CanActivate {
  /** @throws {Unauthorized} */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { caller, body, query } = request;
    if (caller?.kind !== 'directory' || !OF_MOVES.test(operationOf(request)?.path ?? '')) return true;
    const asked = moveIdIn(body) ?? moveIdIn(query) ?? caller.moveId;
    if (caller.moveId === undefined || asked !== caller.moveId)
      throw new Unauthorized('this token of the directory is for another move');
    return true;
  }
}

function moveIdIn(part: unknown): string | undefined {
  const moveId: unknown = typeof part === 'object' && part !== null && 'moveId' in part ? part.moveId : undefined;
  return typeof moveId === 'string' ? moveId : undefined;
}
