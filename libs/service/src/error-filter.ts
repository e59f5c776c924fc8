import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isTooLarge } from './document-limit.ts';
import {
  BadRequest,
  CaregateError,
  NotFound,
  PayloadTooLarge,
  ServiceUnavailable,
  UnsupportedMediaType,
} from './errors.ts';
import { bodyTooLarge } from './load/body-buffer.ts';
import type { Logger } from './log.ts';

/** Turns whatever was thrown into `{"message"}` and a status. What nobody expected becomes a 500 that says nothing but its request id. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = toCaregateError(thrown);
    this.record(error, thrown, request);
    void reply
      .status(error.status)
      .headers(error.headers)
      .header('content-type', 'application/json')
      .send({
        message: error.status === 500 ? `something went wrong here; it was recorded as ${request.id}` : error.message,
      });
  }

  /** A 500 is a fault of ours; a 503 is a state that readiness and metrics already show. */
  private record(error: CaregateError, thrown: unknown, request: FastifyRequest): void {
    const where = { requestId: request.id, method: request.method, route: request.routeOptions?.url };
    if (error.status === 500) this.logger.error({ err: thrown, ...where }, 'request failed');
    else if (error.status > 500) this.logger.debug({ ...where, reason: error.message }, 'request refused');
  }
}

/** Reads the errors of Fastify, Nest and the MongoDB driver as ours. */
export function toCaregateError(thrown: unknown): CaregateError {
  if (thrown instanceof CaregateError) return thrown;
  if (thrown instanceof HttpException && thrown.cause instanceof Error) return toCaregateError(thrown.cause); // Nest wraps Fastify's
  if (thrown instanceof HttpException && thrown.getStatus() === 404)
    return new NotFound('no matching operation was found');
  if (!(thrown instanceof Error)) return new CaregateError('unknown');
  const code = 'code' in thrown ? thrown.code : undefined;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return bodyTooLarge();
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new UnsupportedMediaType('request body has an error: send it as application/json');
  if (isTooLarge(thrown))
    return new PayloadTooLarge('the record would be larger than 2 MiB: take something out of it first, or send less');
  if (isMongoAway(thrown))
    return new ServiceUnavailable('the database is not reachable just now; try again', 1, { cause: thrown });
  const status = 'statusCode' in thrown ? thrown.statusCode : undefined;
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new BadRequest(`request has an error: ${thrown.message}`);
  return new CaregateError(thrown.message, { cause: thrown });
}

function isMongoAway(error: Error): boolean {
  // A bulk write wraps whatever kept it from being sent.
  if ('errorResponse' in error && error.errorResponse instanceof Error) return isMongoAway(error.errorResponse);
  // A connection that the server has just closed: the driver gives the socket's own error (EPIPE: "ended by the other party").
  if ('code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET')) return true;
  return (
    /^Mongo(Network|ServerSelection|NotConnected|TopologyClosed|PoolCleared|WaitQueueTimeout)/.test(error.name) ||
    (error.name === 'MongooseError' && /before initial connection/.test(error.message)) ||
    ('hasErrorLabel' in error &&
      typeof error.hasErrorLabel === 'function' &&
      error.hasErrorLabel('RetryableWriteError') === true)
  );
}
