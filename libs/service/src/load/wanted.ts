import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { CaregateError } from '../errors.ts';

/** The client closed the connection before it had its answer. Nobody reads the message. */
export class ClientGone extends CaregateError {
  override readonly status = 499;

  constructor() {
    super('the client went away');
  }
}

/**
 * Aborts when the client goes away before it has its answer. For work that takes long: the driver gives up what it has not sent yet, and
 * MongoDB what it has not answered yet. Not for what is shared with other requests, nor for writes.
 */
export function whileWanted({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const goes = () => {
    if (!raw.writableFinished) controller.abort(new ClientGone());
  };
  if (raw.destroyed) goes();
  else raw.once('close', goes);
  return controller.signal;
}

/** `whileWanted` of the request, as a parameter of a controller's method. */
export const Wanted = createParamDecorator((_: unknown, context: ExecutionContext): AbortSignal =>
  whileWanted(context.switchToHttp().getResponse<FastifyReply>()),
);
