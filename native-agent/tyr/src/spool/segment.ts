// One file of the spool: entries in order, appended only, deleted as a whole when all are acked.
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeFileAtomically } from '../write-file.ts';
import { type SpoolEntry, decodeHeader, decodeRecord, encodeRecord, headerBytes } from './spool-record.ts';

const sync = promisify(fdatasync);

export class Segment {
  private readonly path: string;
  private descriptor: number | undefined;
  private size = 0;
  /** Settles when all syncs so far have ended; undefined before the first. */
  private synced: Promise<unknown> | undefined;
  /** Nothing but precious entries is left in it. */
  compacted = false;
  lastPosition: number;

  private constructor(
    directory: string,
    readonly firstPosition: number,
  ) {
    this.path = join(directory, segmentName(firstPosition));
    this.lastPosition = firstPosition - 1;
  }

  static create(directory: string, firstPosition: number): Segment {
    const segment = new Segment(directory, firstPosition);
    segment.descriptor = openSync(segment.path, 'a+', 0o600);
    return segment;
  }

  /** Opens what is there. `lastPosition` is known of all but the newest, whose torn end is cut off. */
  static open(directory: string, firstPosition: number, lastPosition: number | undefined): Segment {
    const segment = Segment.create(directory, firstPosition);
    segment.size = fstatSync(segment.openDescriptor()).size;
    if (lastPosition === undefined) segment.cutTornEnd();
    else segment.lastPosition = lastPosition;
    return segment;
  }

  get bytes(): number {
    return this.size;
  }

  /** All or none of them; throws what the file system throws (ENOSPC, EIO). */
  append(entries: readonly SpoolEntry[]): void {
    const descriptor = this.openDescriptor();
    const before = this.size;
    try {
      for (const entry of entries) {
        const record = encodeRecord(entry);
        for (let written = 0; written < record.length;) written += writeSync(descriptor, record, written);
        this.size += record.length;
      }
    } catch (error) {
      ftruncateSync(descriptor, before);
      this.size = before;
      throw error;
    }
    this.lastPosition = entries.at(-1)?.position ?? this.lastPosition;
  }

  async sync(): Promise<void> {
    if (this.descriptor === undefined) return;
    const syncing = sync(this.descriptor);
    this.synced = Promise.allSettled([this.synced, syncing]);
    await syncing;
  }

  /** Nothing more will be appended. */
  seal(): void {
    if (this.descriptor !== undefined) fdatasyncSync(this.descriptor);
  }

  /** The entry at a byte offset and the offset after it; undefined at the end, or where the file is damaged. */
  readAt(offset: number): { readonly entry: SpoolEntry; readonly next: number } | undefined {
    const header = this.bytesAt(offset, headerBytes);
    const length = decodeHeader(header, this.size - offset)?.length;
    if (length === undefined) return undefined;
    const entry = decodeRecord(this.bytesAt(offset, headerBytes + length));
    return entry === undefined ? undefined : { entry, next: offset + headerBytes + length };
  }

  *entries(): Generator<SpoolEntry> {
    for (let read = this.readAt(0); read !== undefined; read = this.readAt(read.next)) yield read.entry;
  }

  /** Leaves only what `keep` says, in one step; returns what went. */
  compact(keep: (entry: SpoolEntry) => boolean): SpoolEntry[] {
    const kept: Buffer[] = [];
    const dropped: SpoolEntry[] = [];
    for (const entry of this.entries()) {
      if (keep(entry)) kept.push(encodeRecord(entry));
      else dropped.push(entry);
    }
    this.release();
    const content = Buffer.concat(kept);
    writeFileAtomically(this.path, content);
    this.size = content.length;
    this.compacted = true;
    return dropped;
  }

  remove(): void {
    this.release();
    unlinkSync(this.path);
  }

  /** The file stays. */
  release(): void {
    const { descriptor, synced } = this;
    this.descriptor = undefined;
    if (descriptor === undefined) return;
    // Not under a sync that still runs: it would fail, or sync whatever has the number next.
    if (synced === undefined) closeSync(descriptor);
    else
      void synced.then(() => {
        closeSync(descriptor);
      });
  }

  private cutTornEnd(): void {
    let end = 0;
    for (let read = this.readAt(0); read !== undefined; read = this.readAt(read.next)) {
      end = read.next;
      this.lastPosition = read.entry.position;
    }
    if (end === this.size) return;
    ftruncateSync(this.openDescriptor(), end);
    this.size = end;
  }

  private bytesAt(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)));
    const read = readSync(this.openDescriptor(), bytes, 0, bytes.length, offset);
    return bytes.subarray(0, read);
  }

  private openDescriptor(): number {
    this.descriptor ??= openSync(this.path, 'a+', 0o600);
    return this.descriptor;
  }
}

export function segmentName(firstPosition: number): string {
  return `${String(firstPosition).padStart(16, '0')}.seg`;
}

/** First position of a segment file; undefined for other files. */
export function firstPositionOf(name: string): number | undefined {
  const match = /^(\d{16})\.seg$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
