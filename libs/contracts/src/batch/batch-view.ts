// Reads a serialised EventBatch: the envelope at once, the columns and what stages appended only when somebody asks.
import { fromBinary } from '@bufbuild/protobuf';
import { NornError, toHex } from '@norn/base';
import { type BatchEnrichment, BatchEnrichmentSchema } from '../gen/norn/event/v1/event_pb.ts';
import { type Finding, FindingSchema } from '../gen/norn/finding/v1/finding_pb.ts';
import type { BatchColumns } from './columns.ts';
import { type LineageView, readLineage } from './lineage-view.ts';
import { RecentColumns, openColumns } from './recent-columns.ts';
import { WireReader, malformed } from './wire.ts';

/** Largest size of a batch's columns before compression, bytes. */
export const columnsBytesMax = 4 * 1024 * 1024;
/** Events of one batch, at most; the agent's own limit is lower. */
export const batchEventsMax = 65_535;

/** Field numbers of what stages append. */
export const batchFields = { enrichment: 20, lineage: 21 } as const;

export interface BatchView {
  /** The whole batch as it came. */
  readonly bytes: Uint8Array;
  readonly schemaVersion: number;
  /** 16 bytes. */
  readonly streamId: Uint8Array;
  readonly streamIdHex: string;
  readonly batchSeq: number;
  /** Unix µs. */
  readonly baseTimeUs: number;
  readonly eventCount: number;
  /** 16 bytes, or none. */
  readonly bootId: Uint8Array;
  /** W3C trace context; empty when not traced. */
  readonly traceparent: string;
  /** What the agent's reflexes found. */
  readonly findings: readonly Finding[];
  /** Throws `batch_malformed` or `batch_too_large` at the first use. */
  readonly columns: BatchColumns;
  /** `undefined` before enrichment has seen the batch. */
  readonly enrichment: BatchEnrichment | undefined;
  /** `undefined` before process-tree has seen the batch. */
  readonly lineage: LineageView | undefined;
}

/** Throws `batch_malformed`, `batch_too_large`, `schema_unknown`. */
export function openBatch(bytes: Uint8Array): BatchView {
  return new OpenBatch(bytes);
}

const none = new Uint8Array(0);
/** Columns that are remembered, bytes: a second's worth when busy, so that the last stage finds what the first one opened. */
const recentBytesMax = 64 * 1024 * 1024;
let recentColumns: RecentColumns | undefined;

/** For a process that several stages run in: what one has opened, the next ones find. Others would keep what nobody asks for again. */
export function shareColumns(): void {
  recentColumns ??= new RecentColumns(recentBytesMax);
}

class OpenBatch implements BatchView {
  schemaVersion = 0;
  streamId: Uint8Array = none;
  batchSeq = 0;
  baseTimeUs = 0;
  eventCount = 0;
  bootId: Uint8Array = none;
  traceparent = '';
  private columnsSize = 0;
  private compressed: Uint8Array = none;
  private readonly findingBytes: Uint8Array[] = [];
  private enrichmentBytes: Uint8Array | undefined;
  private lineageBytes: Uint8Array | undefined;
  private openColumns: BatchColumns | undefined;
  private openFindings: readonly Finding[] | undefined;
  private openEnrichment: BatchEnrichment | undefined;
  private openLineage: LineageView | undefined;
  private hex = '';

  constructor(readonly bytes: Uint8Array) {
    const reader = new WireReader(bytes);
    while (!reader.atEnd) {
      const tag = reader.varint();
      const wireType = tag & 7;
      const number = Math.floor(tag / 8);
      if (wireType === 0) this.takeNumber(number, reader.varint());
      else if (wireType === 2) this.takeBytes(number, reader.chunk());
      else reader.skip(wireType);
    }
    this.check();
  }

  get streamIdHex(): string {
    if (this.hex === '') this.hex = toHex(this.streamId);
    return this.hex;
  }

  get columns(): BatchColumns {
    return (this.openColumns ??= this.findColumns());
  }

  private findColumns(): BatchColumns {
    const { compressed, columnsSize: size, eventCount } = this;
    if (recentColumns === undefined) return openColumns({ compressed, size, eventCount });
    return recentColumns.open(`${this.streamIdHex}:${this.batchSeq}`, { compressed, size, eventCount });
  }

  get findings(): readonly Finding[] {
    return (this.openFindings ??= this.findingBytes.map((bytes) => decode(() => fromBinary(FindingSchema, bytes))));
  }

  get enrichment(): BatchEnrichment | undefined {
    const bytes = this.enrichmentBytes;
    if (bytes === undefined) return undefined;
    return (this.openEnrichment ??= decode(() => fromBinary(BatchEnrichmentSchema, bytes)));
  }

  get lineage(): LineageView | undefined {
    if (this.lineageBytes === undefined) return undefined;
    return (this.openLineage ??= readLineage(this.lineageBytes, this.columns.processes.count));
  }

  private takeNumber(number: number, value: number): void {
    if (number === 1) this.schemaVersion = value;
    else if (number === 3) this.batchSeq = value;
    else if (number === 4) this.baseTimeUs = value;
    else if (number === 5) this.eventCount = value;
    else if (number === 6) this.columnsSize = value;
  }

  private takeBytes(number: number, value: Uint8Array): void {
    if (number === 2) this.streamId = value;
    else if (number === 7) this.compressed = value;
    else if (number === 8) this.findingBytes.push(value);
    else if (number === 9) this.bootId = value;
    else if (number === 10) this.traceparent = Buffer.from(value).toString('latin1');
    else if (number === batchFields.enrichment) this.enrichmentBytes = value;
    else if (number === batchFields.lineage) this.lineageBytes = value;
  }

  private check(): void {
    if (this.schemaVersion !== 1) {
      throw new NornError(
        'schema_unknown',
        `Batch of schema ${this.schemaVersion}, 1 is known: update the installation`,
      );
    }
    if (this.streamId.length !== 16) throw malformed(`stream_id has ${this.streamId.length} bytes, not 16`);
    if (this.batchSeq < 1) throw malformed('batch_seq is 0');
    if (this.columnsSize > columnsBytesMax || this.eventCount > batchEventsMax) {
      const size = `Batch of ${this.eventCount} events and ${this.columnsSize} bytes of columns`;
      throw new NornError('batch_too_large', `${size}: at most ${batchEventsMax} and ${columnsBytesMax} are taken`);
    }
  }
}

function decode<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const what = malformed('A message inside the batch does not parse');
    throw new NornError(what.code, what.message, { cause: error });
  }
}
