// One trace from the agent's batch to the alert. Only sampled batches (flag 01) make spans, so the hot path pays nothing.
import { messageOf } from '@norn/base';
import { type Attributes, type Span, SpanStatusCode, TraceFlags, context, trace } from '@opentelemetry/api';

export interface SpanOptions {
  /** W3C trace context of who caused this; absent or empty: the span that is active now. */
  readonly traceparent?: string | undefined;
  readonly attributes?: Attributes;
}

const shape = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Whether a W3C traceparent is well-formed and asks to be recorded. */
export function isSampled(traceparent: string | undefined): traceparent is string {
  return traceparent?.length === 55 && traceparent.endsWith('1') && shape.test(traceparent);
}

/** Runs `fn` inside a span when its cause is sampled, else just runs it. The span ends when the promise does. */
export function withSpan<T>(name: string, options: SpanOptions, fn: () => T): T {
  const parent = parentOf(options.traceparent);
  if (parent === undefined) return fn();
  const span = trace.getTracer('norn').startSpan(name, { attributes: options.attributes ?? {} }, parent);
  return context.with(trace.setSpan(parent, span), () => run(span, fn));
}

/** W3C trace context of the active span, for a header or a message; empty when nothing is traced. */
export function currentTraceparent(): string {
  const active = trace.getSpanContext(context.active());
  if (active === undefined || (active.traceFlags & TraceFlags.SAMPLED) === 0) return '';
  return `00-${active.traceId}-${active.spanId}-01`;
}

function parentOf(traceparent: string | undefined): ReturnType<typeof context.active> | undefined {
  if (traceparent === undefined || traceparent === '') {
    return currentTraceparent() === '' ? undefined : context.active();
  }
  const match = isSampled(traceparent) ? shape.exec(traceparent) : null;
  if (match === null) return undefined;
  const [, traceId = '', spanId = ''] = match;
  const remote = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  return trace.setSpanContext(context.active(), remote);
}

function run<T>(span: Span, fn: () => T): T {
  const fail = (error: unknown): never => {
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    span.end();
    throw error;
  };
  let result: T;
  try {
    result = fn();
  } catch (error) {
    return fail(error);
  }
  if (!(result instanceof Promise)) {
    span.end();
    return result;
  }
  return result.then((value: unknown) => {
    span.end();
    return value;
  }, fail) as T;
}

/** A span that is ended by hand: for work that is done in one go for many causes. */
export interface OpenSpan {
  /** W3C trace context of this span. */
  readonly traceparent: string;
  end(error?: unknown): void;
}

/** `undefined` when the cause is not sampled. */
export function beginSpan(name: string, options: SpanOptions): OpenSpan | undefined {
  const parent = parentOf(options.traceparent);
  if (parent === undefined) return undefined;
  const span = trace.getTracer('norn').startSpan(name, { attributes: options.attributes ?? {} }, parent);
  const { traceId, spanId } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-01`,
    end: (error) => {
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      span.end();
    },
  };
}
