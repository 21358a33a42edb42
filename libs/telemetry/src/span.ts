// One trace from the agent's batch to the alert, and from a person's click to what the host says of it. Only sampled causes
// (flag 01) make spans, so the hot path pays nothing.
import { messageOf } from '@norn/base';
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  context,
  isSpanContextValid,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';

export interface SpanOptions {
  /** W3C trace context of who caused this; absent or empty: the span that is active now. */
  readonly traceparent?: string | undefined;
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
}

/** A span that is ended by hand. */
export interface OpenSpan {
  /** W3C trace context of this span. */
  readonly traceparent: string;
  /** Runs `fn` with this span as the active one, over its awaits too. */
  within<T>(fn: () => T): T;
  rename(name: string): void;
  set(attributes: Attributes): void;
  end(error?: unknown): void;
}

const oddDigits = '13579bdf';

/** Whether a W3C traceparent is well-formed and asks to be recorded. One that does not costs a look at its last character. */
export function isSampled(traceparent: string | undefined): traceparent is string {
  return sampledCause(traceparent) !== undefined;
}

function sampledCause(traceparent: string | undefined): SpanContext | undefined {
  if (traceparent?.length !== 55 || !oddDigits.includes(traceparent.charAt(54))) return undefined;
  return parseTraceParent(traceparent) ?? undefined;
}

/** Runs `fn` inside a span when its cause is sampled, else just runs it. The span ends when the promise does. */
export function withSpan<T>(name: string, options: SpanOptions, fn: () => T): T {
  const span = beginSpan(name, options);
  return span === undefined ? fn() : span.within(() => run(span, fn));
}

/** `undefined` when the cause is not sampled. */
export function beginSpan(name: string, options: SpanOptions): OpenSpan | undefined {
  const parent = parentOf(options.traceparent);
  return parent === undefined ? undefined : open(name, options, parent);
}

/**
 * A span of a request from outside: it continues the caller's trace, and begins one when the caller names none that can be read.
 * `undefined` when the caller asks not to be recorded, or nobody collects spans.
 */
export function beginTrace(name: string, options: SpanOptions): OpenSpan | undefined {
  const { traceparent } = options;
  const isReadable = traceparent?.length === 55 && parseTraceParent(traceparent) !== null;
  return isReadable ? beginSpan(name, options) : open(name, options, ROOT_CONTEXT);
}

/** W3C trace context of the active span, for a header or a message; empty when nothing is traced. */
export function currentTraceparent(): string {
  const active = trace.getSpanContext(context.active());
  if (active === undefined || (active.traceFlags & TraceFlags.SAMPLED) === 0) return '';
  return `00-${active.traceId}-${active.spanId}-01`;
}

function parentOf(traceparent: string | undefined): Context | undefined {
  if (traceparent === undefined || traceparent === '') {
    return currentTraceparent() === '' ? undefined : context.active();
  }
  const cause = sampledCause(traceparent);
  return cause && trace.setSpanContext(context.active(), { ...cause, isRemote: true });
}

function open(name: string, { kind, attributes }: SpanOptions, parent: Context): OpenSpan | undefined {
  const options = { kind: kind ?? SpanKind.INTERNAL, attributes: attributes ?? {} };
  const span = trace.getTracer('norn').startSpan(name, options, parent);
  return isSpanContextValid(span.spanContext()) ? openSpan(span, trace.setSpan(parent, span)) : undefined;
}

function openSpan(span: Span, inside: Context): OpenSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-01`,
    within: (fn) => context.with(inside, fn),
    rename: (name) => {
      span.updateName(name);
    },
    set: (attributes) => {
      span.setAttributes(attributes);
    },
    end: (error) => {
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      span.end();
    },
  };
}

function run<T>(span: OpenSpan, fn: () => T): T {
  const fail = (error: unknown): never => {
    span.end(error);
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
