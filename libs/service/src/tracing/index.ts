export * from './trace-notes.ts';
export { traceRequests } from './trace-requests.ts';
export {
  inSpan,
  isTracing,
  noteFailure,
  type SpanOptions,
  startTracing,
  traceFields,
  traceparent,
  type TracingOptions,
} from './tracing.ts';
