// Columns that were opened lately. Stages that run in one process get the same batch one after the other, each with more appended to it, and all with
// the same compressed columns: the first one opens them for all. Nobody writes into columns, so they may share them.
import { type BatchColumns, readColumns } from './columns.ts';
import { decompressFrame } from './zstd-frame.ts';

/** Columns as a batch has them. */
export interface ColumnsFrame {
  readonly compressed: Uint8Array;
  /** Bytes that they decompress to. */
  readonly size: number;
  readonly eventCount: number;
}

interface Opened {
  readonly frame: ColumnsFrame;
  readonly columns: BatchColumns;
}

/** What a batch takes beside its bytes: some thirty arrays on them. */
const overheadBytes = 4_096;

/** Throws `batch_malformed`. */
export function openColumns({ compressed, size, eventCount }: ColumnsFrame): BatchColumns {
  return readColumns(decompressFrame(compressed, size), eventCount);
}

export class RecentColumns {
  /** By the batch's name, oldest first. */
  private readonly opened = new Map<string, Opened>();
  private bytes = 0;

  /** Remembers at most `bytesMax`. */
  constructor(private readonly bytesMax: number) {}

  /** A batch's name says which frame to look at; only the same bytes are the same columns. Throws `batch_malformed`. */
  open(name: string, frame: ColumnsFrame): BatchColumns {
    const known = this.opened.get(name);
    if (known !== undefined && isSame(known.frame, frame)) return known.columns;
    const columns = openColumns(frame);
    this.forget(name);
    // A copy: the frame is a view of what the broker sent, with all that came with it.
    this.opened.set(name, { frame: { ...frame, compressed: Uint8Array.from(frame.compressed) }, columns });
    this.bytes += bytesOf(frame);
    for (const oldest of this.opened.keys()) {
      if (this.bytes <= this.bytesMax) break;
      this.forget(oldest);
    }
    return columns;
  }

  private forget(name: string): void {
    const known = this.opened.get(name);
    if (known === undefined) return;
    this.bytes -= bytesOf(known.frame);
    this.opened.delete(name);
  }
}

function bytesOf({ size, compressed }: ColumnsFrame): number {
  return size + compressed.length + overheadBytes;
}

function isSame(one: ColumnsFrame, other: ColumnsFrame): boolean {
  if (one.size !== other.size || one.eventCount !== other.eventCount) return false;
  return Buffer.compare(one.compressed, other.compressed) === 0;
}
