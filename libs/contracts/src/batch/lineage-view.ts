// What process-tree appended to a batch (norn.lineage.v1.LineageColumns): one element for each entry of the process table.
import { WireReader, malformed } from './wire.ts';

/** Ancestors kept as uids, and as paths. */
export const ancestorUidsMax = 32;
export const ancestorPathsMax = 8;

export interface LineageView {
  /** 16 bytes each: the origin. */
  readonly lineageUid: Uint8Array;
  depth(process: number): number;
  incomplete(process: number): boolean;
  /** Nearest first, at most 8. */
  ancestorPaths(process: number): readonly string[];
  parentCommandLine(process: number): string;
  /** 16 bytes each in one piece, nearest first, at most 32; a view. */
  ancestorUids(process: number): Uint8Array;
  /** Of the same ancestors, on the host; empty when the batch comes from a stage that did not tell them. */
  ancestorPids(process: number): readonly number[];
}

/** Throws `batch_malformed` when it does not fit a process table of `count` entries. */
export function readLineage(bytes: Uint8Array, count: number): LineageView {
  return new OpenLineage(bytes, count);
}

class OpenLineage implements LineageView {
  readonly lineageUid: Uint8Array;
  private readonly fields: Uint8Array[] = [];
  private readonly depths: Uint8Array;
  private readonly incompletes: Uint8Array;
  private paths: Entries | undefined;
  private commandLines: Entries | undefined;
  private uids: Entries | undefined;
  private pids: Entries | undefined;

  constructor(
    bytes: Uint8Array,
    private readonly count: number,
  ) {
    const reader = new WireReader(bytes);
    while (!reader.atEnd) {
      const tag = reader.varint();
      if ((tag & 7) === 2) this.fields[tag >>> 3] = reader.chunk();
      else reader.skip(tag & 7);
    }
    this.lineageUid = this.sized(1, 16);
    this.depths = this.sized(2, 2);
    this.incompletes = this.sized(5, 1);
  }

  depth(process: number): number {
    return (this.depths[process * 2] ?? 0) + 256 * (this.depths[process * 2 + 1] ?? 0);
  }

  incomplete(process: number): boolean {
    return this.incompletes[process] === 1;
  }

  ancestorPaths(process: number): readonly string[] {
    this.paths ??= this.split(3, 1);
    const joined = textOf(this.paths, process);
    return joined === '' ? [] : joined.split('\n');
  }

  parentCommandLine(process: number): string {
    this.commandLines ??= this.split(4, 1);
    return textOf(this.commandLines, process);
  }

  ancestorUids(process: number): Uint8Array {
    this.uids ??= this.split(6, 16);
    return viewOf(this.uids, process);
  }

  ancestorPids(process: number): readonly number[] {
    if (this.fields[7] === undefined) return [];
    this.pids ??= this.split(7, 4);
    const { buffer, byteOffset, length } = viewOf(this.pids, process);
    const view = new DataView(buffer, byteOffset, length);
    return Array.from({ length: length / 4 }, (_, at) => view.getUint32(at * 4, true));
  }

  private sized(field: number, width: number): Uint8Array {
    const bytes = this.fields[field] ?? new Uint8Array(0);
    if (bytes.length !== this.count * width) throw malformed(`Lineage has ${bytes.length} bytes in field ${field}`);
    return bytes;
  }

  /** Entries of varint count + count × width bytes. */
  private split(field: number, width: number): Entries {
    const bytes = this.fields[field] ?? new Uint8Array(0);
    const reader = new WireReader(bytes);
    const starts = new Uint32Array(this.count);
    const ends = new Uint32Array(this.count);
    let count = 0;
    for (; !reader.atEnd; count += 1) {
      const length = reader.varint() * width;
      starts[count] = reader.position;
      reader.position += length;
      ends[count] = reader.position;
    }
    if (count !== this.count || reader.position !== bytes.length) {
      throw malformed(`Lineage has ${count} entries in field ${field}, ${this.count} are due`);
    }
    return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), starts, ends };
  }
}

/** Where each entry lies. */
interface Entries {
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

function viewOf({ bytes, starts, ends }: Entries, at: number): Uint8Array {
  return bytes.subarray(starts[at] ?? 0, ends[at] ?? 0);
}

function textOf({ bytes, starts, ends }: Entries, at: number): string {
  const [start, end] = [starts[at] ?? 0, ends[at] ?? 0];
  return start === end ? '' : bytes.toString('utf8', start, end);
}
