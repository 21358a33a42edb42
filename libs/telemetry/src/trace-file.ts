// Spans as JSON lines in a bounded file: two halves, the older is dropped when the newer is full.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { SpanKind } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, hrTimeToMicroseconds } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

/** Bytes of each half. */
export const traceFileBytesMax = 32 * 1024 * 1024;

/** One line of the file. */
export interface TraceLine {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: keyof typeof SpanKind;
  readonly service: string;
  readonly startUs: number;
  readonly endUs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly error: string;
}

export class TraceFileExporter implements SpanExporter {
  private descriptor: number;
  private size: number;

  constructor(
    private readonly path: string,
    private readonly service: string,
    private readonly bytesMax = traceFileBytesMax,
  ) {
    mkdirSync(dirname(path), { recursive: true });
    this.descriptor = openSync(path, 'a', 0o600);
    this.size = statSync(path).size;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const text = spans.map((span) => `${JSON.stringify(this.line(span))}\n`).join('');
    try {
      if (this.size + text.length > this.bytesMax) this.rotate();
      this.size += writeSync(this.descriptor, text);
      done({ code: ExportResultCode.SUCCESS });
    } catch (error) {
      done({ code: ExportResultCode.FAILED, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }

  shutdown(): Promise<void> {
    closeSync(this.descriptor);
    return Promise.resolve();
  }

  private rotate(): void {
    if (existsSync(this.path)) renameSync(this.path, `${this.path}.1`);
    // Opened before the old one is closed: a disk without room refuses, and a closed number may be another file's by then.
    const next = openSync(this.path, 'a', 0o600);
    closeSync(this.descriptor);
    this.descriptor = next;
    this.size = 0;
  }

  private line(span: ReadableSpan): TraceLine {
    const { traceId, spanId } = span.spanContext();
    return {
      traceId,
      spanId,
      parentSpanId: span.parentSpanContext?.spanId ?? '',
      name: span.name,
      kind: SpanKind[span.kind] as TraceLine['kind'],
      service: this.service,
      startUs: hrTimeToMicroseconds(span.startTime),
      endUs: hrTimeToMicroseconds(span.endTime),
      attributes: span.attributes,
      error: span.status.message ?? '',
    };
  }
}
