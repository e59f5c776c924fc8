import {
  type Attributes,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** Where spans go and whose they are. */
export interface TracingOptions {
  /** The address of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  readonly app: string;
  readonly shard?: string;
}

let running = false;

/** Whether spans are made. Everything here costs next to nothing while they are not. */
export const isTracing = (): boolean => running;

/**
 * Begins to make spans and to send them; what OpenTelemetry's own variables say (sampler, headers, batches) holds too.
 * @returns what sends the last of them and ends it
 */
export async function startTracing({ endpoint, app, shard }: TracingOptions): Promise<() => Promise<void>> {
  // Loaded only when wanted: an app without it starts as fast as before.
  const [
    { BatchSpanProcessor, NodeTracerProvider },
    { OTLPTraceExporter },
    { defaultResource, resourceFromAttributes },
  ] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.name': app,
        'service.namespace': 'caregate',
        ...(shard !== undefined && { 'caregate.shard': shard }),
      }),
    ),
    spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 1_000 })],
  });
  provider.register();
  running = true;
  return async () => {
    running = false;
    await provider.shutdown().catch(() => undefined); // the collector is away: then these spans are lost, and nothing else
  };
}

const tracer = () => trace.getTracer('caregate');

export interface SpanOptions {
  readonly kind?: 'server' | 'client' | 'consumer' | 'internal';
  readonly attributes?: Attributes;
  /** A W3C `traceparent` of elsewhere whose trace goes on here; by default the span that is active goes on, or a new trace begins. */
  readonly parent?: string | undefined;
}

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/** Does work as one span of a trace. A failure is noted by its kind only: messages of errors may quote what is nobody's business. */
export async function inSpan<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  if (!running) return work();
  const { kind = 'internal', attributes = {}, parent } = options;
  const before = parent === undefined ? context.active() : propagation.extract(ROOT_CONTEXT, { traceparent: parent });
  const span = tracer().startSpan(name, { kind: KINDS[kind], attributes }, before);
  try {
    return await context.with(trace.setSpan(before, span), work);
  } catch (error) {
    markFailed(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** For work that failed without throwing: marks the span that is active. */
export function noteFailure(error: unknown): void {
  const span = running ? trace.getActiveSpan() : undefined;
  if (span) markFailed(span, error);
}

function markFailed(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
}

/** The active span, as a W3C `traceparent`, for whoever goes on with its trace elsewhere; undefined when nobody will look at it. */
export function traceparent(): string | undefined {
  if (!running || trace.getActiveSpan()?.isRecording() !== true) return undefined;
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** For the log: the trace that a line belongs to. */
export function traceFields(): { traceId?: string } {
  const traceId = running ? trace.getActiveSpan()?.spanContext().traceId : undefined;
  return traceId === undefined ? {} : { traceId };
}
