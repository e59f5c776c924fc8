import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { operationOf } from '../operation.ts';

interface Traced {
  readonly span: Span;
  readonly context: Context;
}

const SERVER_ERRORS = 500;

/** Makes each request for an operation one span, which goes on with the trace that the caller names in `traceparent`. */
export function traceRequests(fastify: FastifyInstance): void {
  const traced = new WeakMap<FastifyRequest, Traced>();
  const tracer = trace.getTracer('caregate');

  fastify.addHook('onRequest', (request, _reply, done) => {
    const operation = operationOf(request);
    if (!operation) return done();
    const before = propagation.extract(ROOT_CONTEXT, request.headers);
    const attributes = {
      'http.request.method': request.method,
      'http.route': operation.path,
      'caregate.operation': operation.operationId,
      'caregate.request_id': request.id,
    };
    const span = tracer.startSpan(`${request.method} ${operation.path}`, { kind: SpanKind.SERVER, attributes }, before);
    const mine = { span, context: trace.setSpan(before, span) };
    traced.set(request, mine);
    context.with(mine.context, done);
  });

  // Reading the body leaves the context of the request; what follows is done in it again.
  fastify.addHook('preHandler', (request, _reply, done) => {
    const mine = traced.get(request);
    if (mine) context.with(mine.context, done);
    else done();
  });

  fastify.addHook('onResponse', (request, reply, done) => {
    const span = traced.get(request)?.span;
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= SERVER_ERRORS) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });

  // The caller went away before the answer.
  fastify.addHook('onRequestAbort', (request, done) => {
    traced.get(request)?.span.end();
    done();
  });
}
