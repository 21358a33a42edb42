// Builds batches as the agent does, for replays, tests and the load generator; the agent's own builder is Rust's `BatchBuilder`.
import { constants, zstdCompressSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { NornError, fromHex } from '@norn/base';
import { EventBatchSchema, EventColumnsSchema, EventKind } from '../gen/norn/event/v1/event_pb.ts';
import type { Finding } from '../gen/norn/finding/v1/finding_pb.ts';
import { capabilitySets, nobodyId } from './columns.ts';
import { stringsMax } from './string-dictionary.ts';
import { varintSize, writeVarint } from './wire.ts';

export interface BatchHeader {
  /** 16 bytes. */
  readonly streamId: Uint8Array;
  readonly batchSeq: number;
  readonly bootId?: Uint8Array;
  readonly traceparent?: string;
  readonly findings?: readonly Finding[];
}

/** What a row's process is; the same (uid, imageNumber, userId, groupId) is one entry of the table. */
export interface ProcessEntry {
  /** 16 bytes. */
  readonly uid: Uint8Array;
  readonly parentUid: Uint8Array;
  readonly pid: number;
  readonly namespacePid?: number;
  readonly parentPid?: number;
  readonly startTimeUs: number;
  readonly imageNumber?: number;
  readonly imagePath: string;
  readonly commandLine?: string;
  readonly workingDirectory?: string;
  /** "NAME=value" a line. */
  readonly environment?: string;
  /** Hex. */
  readonly sha256?: string;
  readonly imageFlags?: number;
  /** 64 hex; empty for the host. */
  readonly containerId?: string;
  readonly userId?: number;
  readonly groupId?: number;
  readonly terminal?: string;
  /** Nobody when it is not given. */
  readonly loginUserId?: number;
  readonly sessionId?: number;
  /** Effective, permitted, inheritable, ambient, bounding. */
  readonly capabilities?: readonly bigint[];
  readonly package?: string;
  readonly packageVersion?: string;
}

export interface Row {
  readonly kind: EventKind;
  /** Unix µs. */
  readonly timeUs: number;
  readonly process: ProcessEntry;
  readonly path?: string;
  readonly target?: string;
  readonly flags?: number;
  readonly value?: bigint;
  readonly result?: number;
}

const unknownHash = new Uint8Array(32);

function bytesOf(capabilities: readonly bigint[]): Uint8Array {
  const sets = BigUint64Array.from(capabilitySets, (_name, set) => capabilities[set] ?? 0n);
  return new Uint8Array(sets.buffer);
}

export class BatchWriter {
  private readonly rows = new Columns(
    ['kind', 1],
    ['timeOffsetUs', 4],
    ['process', 2],
    ['path', 2],
    ['target', 2],
    ['flags', 4],
    ['value', 8],
    ['result', 4],
  );
  private readonly processes = new Columns(
    ['processUid', 16],
    ['parentUid', 16],
    ['pid', 4],
    ['namespacePid', 4],
    ['parentPid', 4],
    ['startTimeUs', 8],
    ['imageNumber', 4],
    ['image', 2],
    ['container', 2],
    ['userId', 4],
    ['groupId', 4],
    ['terminal', 2],
    ['loginUserId', 4],
    ['sessionId', 4],
    ['capabilities', 8 * capabilitySets.length],
  );
  private readonly images = new Columns(
    ['imagePath', 2],
    ['imageCommandLine', 2],
    ['imageSha256', 32],
    ['imageFlags', 4],
    ['imageWorkingDirectory', 2],
    ['imageEnvironment', 2],
    ['imagePackage', 2],
    ['imagePackageVersion', 2],
  );
  private readonly strings = new Map<string, number>([['', 0]]);
  private readonly processEntries = new Map<string, number>();
  private readonly imageEntries = new Map<string, number>();
  private readonly containerEntries = new Map<string, number>([['', 0]]);
  private count = 0;

  /** Unix µs that no row may be before; the first row's time when it is not given. */
  constructor(private baseTimeUs?: number) {}

  get eventCount(): number {
    return this.count;
  }

  /** A process that no row is about: the creator of one that is. */
  describe(process: ProcessEntry): this {
    this.processEntry(process);
    return this;
  }

  add(row: Row): this {
    this.baseTimeUs ??= row.timeUs;
    if (row.timeUs < this.baseTimeUs)
      throw new NornError('row_out_of_order', `Row at ${row.timeUs} is before the batch's base time`);
    const process = this.processEntry(row.process);
    this.rows.push({
      kind: row.kind,
      timeOffsetUs: row.timeUs - this.baseTimeUs,
      process,
      path: this.string(row.path),
      target: this.string(row.target),
      flags: row.flags ?? 0,
      value: row.value ?? 0n,
      result: row.result ?? 0,
    });
    this.count += 1;
    return this;
  }

  /** The serialised EventBatch. */
  finish(header: BatchHeader): Uint8Array {
    const columns = toBinary(
      EventColumnsSchema,
      create(EventColumnsSchema, {
        strings: this.stringBlob(),
        ...this.rows.taken(),
        ...this.processes.taken(),
        ...this.images.taken(),
        containerId: this.containerColumn(),
      }),
    );
    return toBinary(
      EventBatchSchema,
      create(EventBatchSchema, {
        schemaVersion: 1,
        streamId: header.streamId,
        batchSeq: BigInt(header.batchSeq),
        baseTimeUs: BigInt(this.baseTimeUs ?? 0),
        eventCount: this.count,
        columnsSize: columns.length,
        columns: compress(columns),
        findings: [...(header.findings ?? [])],
        bootId: header.bootId ?? new Uint8Array(16),
        traceparent: header.traceparent ?? '',
      }),
    );
  }

  private string(text = ''): number {
    return entryOf(this.strings, text, () => undefined);
  }

  private processEntry(process: ProcessEntry): number {
    const { uid, imageNumber = 0, userId = 0, groupId = 0 } = process;
    const key = `${Buffer.from(uid).toString('latin1')}${imageNumber}:${userId}:${groupId}`;
    return entryOf(this.processEntries, key, () => {
      this.processes.push({
        processUid: uid,
        parentUid: process.parentUid,
        pid: process.pid,
        namespacePid: process.namespacePid ?? process.pid,
        parentPid: process.parentPid ?? 0,
        startTimeUs: BigInt(process.startTimeUs),
        imageNumber,
        image: this.imageEntry(process),
        container: entryOf(this.containerEntries, process.containerId ?? '', () => undefined),
        userId,
        groupId,
        terminal: this.string(process.terminal),
        loginUserId: process.loginUserId ?? nobodyId,
        sessionId: process.sessionId ?? nobodyId,
        capabilities: bytesOf(process.capabilities ?? []),
      });
    });
  }

  private imageEntry(process: ProcessEntry): number {
    const { imagePath, commandLine = '', workingDirectory = '', sha256 = '', imageFlags = 0 } = process;
    const { environment = '', package: name = '', packageVersion = '' } = process;
    const texts = [imagePath, commandLine, workingDirectory, sha256, imageFlags, environment, name, packageVersion];
    const key = texts.join('\0');
    return entryOf(this.imageEntries, key, () => {
      this.images.push({
        imagePath: this.string(imagePath),
        imageCommandLine: this.string(commandLine),
        imageSha256: sha256 === '' ? unknownHash : fromHex(sha256),
        imageFlags,
        imageWorkingDirectory: this.string(workingDirectory),
        imageEnvironment: this.string(environment),
        imagePackage: this.string(name),
        imagePackageVersion: this.string(packageVersion),
      });
    });
  }

  private containerColumn(): Uint8Array {
    const column = Buffer.alloc(this.containerEntries.size * 2);
    for (const [id, entry] of this.containerEntries) column.writeUInt16LE(this.string(id), entry * 2);
    return column;
  }

  private stringBlob(): Uint8Array {
    // Container ids become strings first, so that all are there.
    this.containerColumn();
    const pieces: Uint8Array[] = [];
    for (const text of this.strings.keys()) {
      const bytes = Buffer.from(text);
      const length = new Uint8Array(varintSize(bytes.length));
      writeVarint(length, 0, bytes.length);
      pieces.push(length, bytes);
    }
    return Buffer.concat(pieces);
  }
}

/** One frame. Node begins a second, empty one when the first ends exactly where its output chunk does: so the chunk is larger than any result. */
function compress(columns: Uint8Array): Uint8Array {
  const params = { [constants.ZSTD_c_compressionLevel]: 1 };
  return zstdCompressSync(columns, { params, chunkSize: columns.length + Math.ceil(columns.length / 128) + 1024 });
}

function entryOf(entries: Map<string, number>, key: string, added: () => void): number {
  const known = entries.get(key);
  if (known !== undefined) return known;
  const entry = entries.size;
  if (entry >= stringsMax)
    throw new NornError('batch_full', `A table of the batch has ${entry} entries: begin a new one`);
  entries.set(key, entry);
  added();
  return entry;
}

type Element = number | bigint | Uint8Array;

/** Growing little-endian columns of one table. */
class Columns {
  private readonly columns: { readonly name: string; readonly width: number; buffer: Buffer; length: number }[];

  constructor(...columns: readonly (readonly [string, number])[]) {
    this.columns = columns.map(([name, width]) => ({ name, width, buffer: Buffer.alloc(width * 64), length: 0 }));
  }

  push(elements: Readonly<Record<string, Element>>): void {
    for (const column of this.columns) {
      const { name, width, length } = column;
      if (length + width > column.buffer.length) column.buffer = Buffer.concat([column.buffer, column.buffer]);
      write(column.buffer, length, width, elements[name] ?? 0);
      column.length += width;
    }
  }

  taken(): Record<string, Uint8Array> {
    return Object.fromEntries(this.columns.map(({ name, buffer, length }) => [name, buffer.subarray(0, length)]));
  }
}

function write(target: Buffer, at: number, width: number, element: Element): void {
  if (typeof element === 'bigint') target.writeBigUInt64LE(element, at);
  else if (typeof element !== 'number') target.set(element, at);
  else if (width === 1) target[at] = element;
  else if (width === 2) target.writeUInt16LE(element, at);
  else target.writeUInt32LE(element >>> 0, at);
}
