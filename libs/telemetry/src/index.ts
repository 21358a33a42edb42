// How Norn is seen: logs, metrics and traces.
export { SpanKind } from '@opentelemetry/api';
export { type Logger, createLogger, logToStandardError } from './logger.ts';
export { Metric } from './metric.ts';
export { count, metricsText, observe, record } from './metrics.ts';
export {
  type OpenSpan,
  type SpanOptions,
  beginSpan,
  beginTrace,
  currentTraceparent,
  isSampled,
  withSpan,
} from './span.ts';
export { SpanAttribute } from './span-attribute.ts';
export { type RunningTelemetry, type TelemetryOptions, startTelemetry } from './start.ts';
export { type TraceLine, TraceFileExporter } from './trace-file.ts';
