// What the installation has not acked yet, in order. In memory while acks come quickly; on disk when they don't.
import { mkdirSync, readFileSync, readdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../write-file.ts';
import { Segment, firstPositionOf } from './segment.ts';
import type { SpoolEntry, SpoolKind } from './spool-record.ts';

export interface SpoolLimits {
  /** On disk. */
  readonly bytesMax: number;
  readonly segmentBytesMax: number;
  readonly memoryBytesMax: number;
  readonly memoryAgeMs: number;
}

export interface Loss {
  readonly batches: number;
  readonly events: number;
  /** Of the batches: with findings. Of everything: outcomes. */
  readonly precious: number;
}

export interface SpoolOptions {
  readonly directory: string;
  readonly limits: SpoolLimits;
  readonly nowMs: () => number;
  /** Entries were dropped because the spool is full. */
  readonly onLost: (loss: Loss) => void;
  /** The disk refused; entries stay in memory, as far as they fit. */
  readonly onDiskFailed: (error: unknown) => void;
}

export interface NewEntry {
  readonly kind: SpoolKind;
  readonly bytes: Uint8Array;
  readonly precious: boolean;
  readonly events: number;
}

interface Reader {
  readonly segment: Segment;
  readonly offset: number;
  /** Position of the entry before `offset`. */
  readonly after: number;
}

export class Spool {
  private memory: SpoolEntry[] = [];
  private memoryBytes = 0;
  private memorySinceMs = 0;
  private segments: Segment[] = [];
  private acked = 0;
  private nextPosition = 1;
  private synced = 0;
  private savedCursor = 0;
  private reader: Reader | undefined;
  private flushing: Promise<void> | undefined;
  /** Sent and not yet acked: not dropped, for the installation may have it already. */
  sentThrough = 0;

  constructor(private readonly options: SpoolOptions) {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    this.recover();
  }

  /** Everything up to here is on disk or in the installation. */
  get durableThrough(): number {
    return Math.max(this.acked, this.synced);
  }

  get ackedThrough(): number {
    return this.acked;
  }

  get diskBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Entries not acked, about: positions lost in between count. */
  get entriesWaiting(): number {
    return this.nextPosition - 1 - this.acked;
  }

  append(entry: NewEntry): number {
    const position = this.nextPosition++;
    if (this.memory.length === 0) this.memorySinceMs = this.options.nowMs();
    this.memory.push({ ...entry, position });
    this.memoryBytes += entry.bytes.byteLength;
    return position;
  }

  /** The entries after a position, oldest first, about `bytesMax` of them, one at least when there is one. */
  read(after: number, bytesMax: number): SpoolEntry[] {
    const entries: SpoolEntry[] = [];
    let bytes = 0;
    for (const entry of this.entriesAfter(after)) {
      entries.push(entry);
      bytes += entry.bytes.byteLength;
      if (bytes >= bytesMax) break;
    }
    return entries;
  }

  /** For the start: what a spool before this one held last. */
  *newestFirst(): Generator<SpoolEntry> {
    for (const segment of this.segments.toReversed()) yield* [...segment.entries()].toReversed();
  }

  /** Everything up to and including this position is in Kafka. */
  ack(position: number): void {
    if (position <= this.acked) return;
    this.acked = position;
    while ((this.memory[0]?.position ?? Infinity) <= position) {
      this.memoryBytes -= this.memory.shift()?.bytes.byteLength ?? 0;
    }
    // How old the rest is, is not known; counting from now is at most one age late.
    this.memorySinceMs = this.options.nowMs();
    while ((this.segments[0]?.lastPosition ?? Infinity) <= position) this.segments.shift()?.remove();
  }

  /** Moves to disk what is due. The promise is that of the flush going on, if any. */
  async flushIfDue(): Promise<void> {
    if (this.flushing === undefined && this.isFlushDue())
      this.flushing = this.flush().finally(() => (this.flushing = undefined));
    await this.flushing;
  }

  /** Everything in memory to disk, now. Never rejects. */
  async flush(): Promise<void> {
    if (!this.writeMemory()) return;
    const segment = this.segments.at(-1);
    const written = segment?.lastPosition ?? 0;
    try {
      await segment?.sync();
      this.synced = Math.max(this.synced, written);
    } catch (error) {
      this.options.onDiskFailed(error);
    }
  }

  /**
   * Remembers what is acked of what is on disk; after kill -9 some of it is sent again, under the same batch_seq.
   * With nothing on disk there is nothing to remember: positions may begin anew.
   */
  saveCursor(): void {
    if (this.savedCursor === this.acked || this.segments.length === 0) return;
    try {
      writeFileAtomically(this.cursorPath(), String(this.acked));
      this.savedCursor = this.acked;
    } catch (error) {
      this.options.onDiskFailed(error);
    }
  }

  async close(): Promise<void> {
    await this.flush();
    this.saveCursor();
    this.reader = undefined;
    for (const segment of this.segments) segment.release();
  }

  private isFlushDue(): boolean {
    if (this.memory.length === 0) return false;
    // What is on disk is older: what follows it joins it, so a restart finds one unbroken order.
    if (this.segments.length > 0) return true;
    const { memoryAgeMs, memoryBytesMax } = this.options.limits;
    if (this.memoryBytes > memoryBytesMax || this.options.nowMs() - this.memorySinceMs > memoryAgeMs) return true;
    return this.memory.some(({ kind }) => kind === 'outcome');
  }

  /** False when the disk refused. */
  private writeMemory(): boolean {
    this.makeRoom();
    const entries = this.memory;
    if (entries.length === 0) return true;
    try {
      this.writableSegment(entries[0]?.position ?? this.nextPosition).append(entries);
    } catch (error) {
      this.options.onDiskFailed(error);
      this.boundMemory();
      return false;
    }
    this.memory = [];
    this.memoryBytes = 0;
    return true;
  }

  private writableSegment(firstPosition: number): Segment {
    const newest = this.segments.at(-1);
    if (newest !== undefined && !newest.compacted && newest.bytes < this.options.limits.segmentBytesMax) return newest;
    newest?.seal();
    const segment = Segment.create(this.options.directory, firstPosition);
    this.segments.push(segment);
    return segment;
  }

  /** Drops the oldest until what is in memory fits on disk: first what is not precious, then the rest. */
  private makeRoom(): void {
    const isFull = (): boolean => this.diskBytes + this.memoryBytes > this.options.limits.bytesMax;
    while (isFull() && this.segments.length > 0) {
      const segment = this.segments.find(
        ({ compacted, lastPosition }) => !compacted && lastPosition > this.sentThrough,
      );
      this.reader = undefined;
      if (segment === undefined) {
        const oldest = this.segments.shift();
        this.lost([...(oldest?.entries() ?? [])].filter(({ position }) => position > this.acked));
        oldest?.remove();
        continue;
      }
      const keep = ({ position, precious }: SpoolEntry): boolean => precious || position <= this.sentThrough;
      this.lost(segment.compact((entry) => entry.position > this.acked && keep(entry)).filter((entry) => !keep(entry)));
    }
  }

  /** The disk is not to be had: the oldest in memory go, those that are not precious first. */
  private boundMemory(): void {
    const dropped: SpoolEntry[] = [];
    const isFull = (): boolean => this.memoryBytes > this.options.limits.memoryBytesMax;
    const drop = (entry: SpoolEntry): boolean => {
      if (!isFull() || entry.position <= this.sentThrough) return false;
      this.memoryBytes -= entry.bytes.byteLength;
      dropped.push(entry);
      return true;
    };
    this.memory = this.memory.filter((entry) => entry.precious || !drop(entry));
    if (isFull()) this.memory = this.memory.filter((entry) => !drop(entry));
    this.lost(dropped);
  }

  private lost(entries: readonly SpoolEntry[]): void {
    if (entries.length === 0) return;
    const batches = entries.filter(({ kind }) => kind === 'batch');
    const events = batches.reduce((sum, entry) => sum + entry.events, 0);
    const precious = entries.filter((entry) => entry.precious).length;
    this.options.onLost({ batches: batches.length, events, precious });
  }

  private *entriesAfter(after: number): Generator<SpoolEntry> {
    for (const segment of this.segments) {
      if (segment.lastPosition <= after) continue;
      const isContinued = this.reader?.segment === segment && this.reader.after === after;
      let offset = isContinued ? (this.reader?.offset ?? 0) : 0;
      for (let read = segment.readAt(offset); read !== undefined; read = segment.readAt(offset)) {
        offset = read.next;
        const { position } = read.entry;
        if (position <= after) continue;
        this.reader = { segment, offset, after: position };
        yield read.entry;
      }
    }
    for (const entry of this.memory) if (entry.position > after) yield entry;
  }

  private recover(): void {
    const { directory } = this.options;
    const firsts = readdirSync(directory)
      .map(firstPositionOf)
      .filter((first) => first !== undefined)
      .sort((a, b) => a - b);
    this.segments = firsts.map((first, index) => {
      const following = firsts[index + 1];
      return Segment.open(directory, first, following === undefined ? undefined : following - 1);
    });
    const cursor = existsSync(this.cursorPath()) ? Number(readFileSync(this.cursorPath(), 'utf8')) : 0;
    this.acked = Math.max(Number.isSafeInteger(cursor) ? cursor : 0, (firsts[0] ?? 1) - 1);
    this.synced = this.segments.at(-1)?.lastPosition ?? 0;
    this.nextPosition = Math.max(this.synced, this.acked) + 1;
    this.sentThrough = this.acked;
    this.savedCursor = this.acked;
    while ((this.segments[0]?.lastPosition ?? Infinity) <= this.acked) this.segments.shift()?.remove();
  }

  private cursorPath(): string {
    return join(this.options.directory, 'acked');
  }
}
