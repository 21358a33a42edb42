// Spans of records that a stage handles, named "enrichment raw" by stage and topic: one for each sampled cause, however many of
// its records come at once.
import { type OpenSpan, SpanAttribute, SpanKind, beginSpan, isSampled, withSpan } from '@norn/telemetry';
import { topics } from './flow.ts';
import type { BusRecord } from './record.ts';

export class RecordSpans {
  private constructor(
    private readonly spans: ReadonlyMap<string, OpenSpan>,
    /** With their spans, those that have one. */
    readonly records: readonly BusRecord[],
  ) {}

  /** Records that nobody sampled cost a look at their header. */
  static begin(stage: string, records: readonly BusRecord[]): RecordSpans {
    const causes = new Map<string, BusRecord[]>();
    for (const record of records) {
      const { traceparent } = record.headers;
      if (!isSampled(traceparent)) continue;
      const caused = causes.get(traceparent);
      if (caused === undefined) causes.set(traceparent, [record]);
      else caused.push(record);
    }
    const spans = new Map<string, OpenSpan>();
    for (const [traceparent, caused] of causes) {
      const span = beginSpan(nameOf(stage, caused), { traceparent, ...processing(stage, caused) });
      if (span !== undefined) spans.set(traceparent, span);
    }
    return new RecordSpans(spans, spans.size === 0 ? records : records.map((record) => spanned(record, spans)));
  }

  end(error?: unknown): void {
    for (const span of this.spans.values()) span.end(error);
  }
}

/** The record's headers for what follows from it: its span is the cause. */
export function headersAfter({ headers, span }: BusRecord): BusRecord['headers'] {
  return span === undefined ? headers : { ...headers, traceparent: span.traceparent };
}

function spanned(record: BusRecord, spans: ReadonlyMap<string, OpenSpan>): BusRecord {
  const span = spans.get(record.headers.traceparent ?? '');
  return span === undefined ? record : { ...record, span };
}

/** Handles one record, inside its span when it is sampled. */
export function withRecordSpan<T>(
  stage: string,
  record: BusRecord,
  more: Readonly<Record<string, string | number>>,
  work: () => T,
): T {
  const { traceparent } = record.headers;
  if (!isSampled(traceparent)) return work();
  const { kind, attributes } = processing(stage, [record]);
  return withSpan(nameOf(stage, [record]), { traceparent, kind, attributes: { ...attributes, ...more } }, work);
}

function nameOf(stage: string, [record]: readonly BusRecord[]): string {
  return `${stage} ${record?.topic ?? ''}`;
}

function processing(stage: string, records: readonly BusRecord[]) {
  return { kind: SpanKind.CONSUMER, attributes: recordAttributes(stage, records) };
}

/** What OpenTelemetry's conventions say of records of one topic and partition that are being processed, and whose they are. */
function recordAttributes(stage: string, records: readonly BusRecord[]): Record<string, string | number> {
  const [record] = records;
  if (record === undefined) return {};
  const { topic, partition, offset, key } = record;
  const colon = key.indexOf(':');
  return {
    [SpanAttribute.MessagingSystem]: 'kafka',
    [SpanAttribute.MessagingOperationName]: 'process',
    [SpanAttribute.MessagingOperationType]: 'process',
    [SpanAttribute.MessagingDestination]: topics[topic],
    [SpanAttribute.MessagingPartition]: String(partition),
    [SpanAttribute.MessagingGroup]: `norn.${stage}`,
    [SpanAttribute.Tenant]: key.slice(0, Math.max(colon, 0)),
    [SpanAttribute.Host]: key.slice(colon + 1),
    ...(records.length === 1
      ? { [SpanAttribute.KafkaOffset]: offset }
      : { [SpanAttribute.MessagingRecords]: records.length }),
  };
}
