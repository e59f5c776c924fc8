import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { AccountStandings } from './account-standings.service.ts';

/** Keeps count of the writes that are under way, from before the handler until it is done, whatever becomes of the connection. */
@Injectable()
export class WriteInterceptor implements NestInterceptor {
  constructor(private readonly standings: AccountStandings) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { whose } = request;
    if (whose === undefined) return next.handle();
    return from(this.standings.write(request, whose, () => lastValueFrom(next.handle())));
  }
}
