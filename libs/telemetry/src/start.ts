// Starts what a process needs to be seen: where its spans go. Metrics and logs need no start.
import { otlpEndpoint } from '@norn/config';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { TraceFileExporter } from './trace-file.ts';

export interface TelemetryOptions {
  readonly serviceName: string;
  /** Spans as JSON lines when no OTLP collector is set; empty: none. */
  readonly traceFile: string;
}

export interface RunningTelemetry {
  /** Writes the spans in hand. */
  close(): Promise<void>;
}

/** Spans waiting to be exported; more are discarded by the SDK. */
const spanQueueMax = 8192;

/** Once a process. */
export function startTelemetry({ serviceName, traceFile }: TelemetryOptions): RunningTelemetry {
  const exporter = createExporter(serviceName, traceFile);
  if (exporter === undefined) return { close: () => Promise.resolve() };
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: spanQueueMax, scheduledDelayMillis: 500 })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  return {
    close: async () => {
      await provider.shutdown();
      trace.disable();
      context.disable();
    },
  };
}

function createExporter(serviceName: string, traceFile: string): SpanExporter | undefined {
  const endpoint = otlpEndpoint();
  if (endpoint !== '') return new OTLPTraceExporter({ url: new URL('/v1/traces', endpoint).href });
  return traceFile === '' ? undefined : new TraceFileExporter(traceFile, serviceName);
}
