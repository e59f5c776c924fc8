export * from './trace-notes.ts';
export { transactionName } from './transaction-name.ts';
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
