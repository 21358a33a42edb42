// Counters, histograms and gauges by `Metric` name, and their Prometheus text. Called once a batch, never once an event.
import type { Attributes, Counter, Histogram } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Metric } from './metric.ts';

const reader = new PrometheusExporter({ preventServerStart: true });
const serializer = new PrometheusSerializer();
const meter = new MeterProvider({ readers: [reader] }).getMeter('norn');

const counters = new Map<Metric, Counter>();
const histograms = new Map<Metric, Histogram>();

export function count(metric: Metric, n = 1, attributes?: Attributes): void {
  let counter = counters.get(metric);
  if (counter === undefined) {
    counter = meter.createCounter(metric);
    counters.set(metric, counter);
  }
  counter.add(n, attributes);
}

/** Adds one measurement to a histogram. */
export function record(metric: Metric, value: number, attributes?: Attributes): void {
  let histogram = histograms.get(metric);
  if (histogram === undefined) {
    histogram = meter.createHistogram(metric);
    histograms.set(metric, histogram);
  }
  histogram.record(value, attributes);
}

/** Registers a gauge that is read when somebody asks; returns how to take it away again. */
export function observe(metric: Metric, read: () => number, attributes?: Attributes): () => void {
  const gauge = meter.createObservableGauge(metric);
  const callback = (result: { observe(value: number, attributes?: Attributes): void }): void => {
    result.observe(read(), attributes);
  };
  gauge.addCallback(callback);
  return () => {
    gauge.removeCallback(callback);
  };
}

/** Everything measured by this process, in Prometheus' text format. */
export async function metricsText(): Promise<string> {
  const { resourceMetrics } = await reader.collect();
  return serializer.serialize(resourceMetrics);
}
