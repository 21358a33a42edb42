// The columns of a batch as typed arrays. They are copied once into one aligned block: protobuf puts them at any address.
import { StringDictionary } from './string-dictionary.ts';
import { WireReader, malformed } from './wire.ts';

/** One entry for each (process, image, user) that a row refers to. */
export interface ProcessTable {
  readonly count: number;
  /** 16 bytes each. */
  readonly uid: Uint8Array;
  /** The same as `uid`, four words each. */
  readonly uidWords: Uint32Array;
  readonly parentUid: Uint8Array;
  readonly parentUidWords: Uint32Array;
  readonly pid: Uint32Array;
  readonly namespacePid: Uint32Array;
  readonly parentPid: Uint32Array;
  readonly startTimeUs: BigUint64Array;
  readonly imageNumber: Uint32Array;
  /** Index into the image table. */
  readonly image: Uint16Array;
  /** Index into the container table. */
  readonly container: Uint16Array;
  readonly userId: Uint32Array;
  readonly groupId: Uint32Array;
  /** Index into `strings`; zeros, as in all of the following, when the agent does not tell. */
  readonly terminal: Uint16Array;
  /** `nobodyId` where nobody logged in. */
  readonly loginUserId: Uint32Array;
  /** `nobodyId` in no login. */
  readonly sessionId: Uint32Array;
  /** Five each: effective, permitted, inheritable, ambient, bounding. */
  readonly capabilities: BigUint64Array;
  /** The same as `capabilities`: low word, high word. */
  readonly capabilityWords: Uint32Array;
}

/** What the kernel's audit has for no login. */
export const nobodyId = 0xffff_ffff;
/** In the order of `ProcessTable.capabilities`. */
export const capabilitySets = ['effective', 'permitted', 'inheritable', 'ambient', 'bounding'] as const;

/** The sets of an entry of the process table, in the order of `capabilitySets`. */
export function capabilitiesOf({ capabilities }: ProcessTable, entry: number): BigUint64Array {
  const { length } = capabilitySets;
  return capabilities.subarray(entry * length, entry * length + length);
}

/** Indices are into `strings`. */
export interface ImageTable {
  readonly count: number;
  readonly path: Uint16Array;
  readonly commandLine: Uint16Array;
  /** 32 bytes each; zeros when not known. */
  readonly sha256: Uint8Array;
  readonly flags: Uint32Array;
  readonly workingDirectory: Uint16Array;
  /** "NAME=value" a line; zeros when the agent sends none. */
  readonly environment: Uint16Array;
  /** What the file belongs to and is unchanged from; zeros when not known. */
  readonly package: Uint16Array;
  readonly packageVersion: Uint16Array;
}

/** Entry 0 is the host. */
export interface ContainerTable {
  readonly count: number;
  /** Index into `strings`. */
  readonly id: Uint16Array;
}

/** Row columns are as long as the batch has events. */
export interface BatchColumns {
  readonly strings: StringDictionary;
  readonly kind: Uint8Array;
  readonly timeOffsetUs: Uint32Array;
  /** Index into the process table. */
  readonly process: Uint16Array;
  /** Index into `strings`. */
  readonly path: Uint16Array;
  readonly target: Uint16Array;
  readonly flags: Uint32Array;
  readonly value: BigUint64Array;
  /** The same as `value`: low word, high word. */
  readonly valueWords: Uint32Array;
  readonly result: Int32Array;
  readonly processes: ProcessTable;
  readonly images: ImageTable;
  readonly containers: ContainerTable;
}

/** Bytes an element takes, by field number of EventColumns. */
const widths: Readonly<Record<number, number>> = {
  2: 1, 3: 4, 4: 2, 5: 2, 6: 2, 7: 4, 8: 8, 9: 4,
  20: 16, 21: 16, 22: 4, 23: 4, 24: 4, 25: 8, 26: 4, 27: 2, 28: 2, 29: 4, 30: 4,
  31: 2, 32: 4, 33: 4, 34: 40,
  40: 2, 41: 2, 42: 32, 43: 4, 44: 2,
  45: 2, 46: 2, 47: 2,
  50: 2,
}; // prettier-ignore

/** Throws `batch_malformed` when a column is too short or an index points nowhere. */
export function readColumns(bytes: Uint8Array, eventCount: number): BatchColumns {
  const block = new ColumnBlock(bytes);
  const strings = new StringDictionary(block.strings);
  const containers: ContainerTable = { count: block.countOf(50), id: block.u16(50, block.countOf(50)) };
  const images = readImages(block);
  const processes = readProcesses(block);
  const columns: BatchColumns = {
    strings,
    kind: block.u8(2, eventCount),
    timeOffsetUs: block.u32(3, eventCount),
    process: block.u16(4, eventCount),
    path: block.u16(5, eventCount),
    target: block.u16(6, eventCount),
    flags: block.u32(7, eventCount),
    value: block.u64(8, eventCount),
    valueWords: block.words(8, eventCount * 2),
    result: new Int32Array(block.buffer, block.startOf(9, eventCount), eventCount),
    processes,
    images,
    containers,
  };
  checkIndices(columns);
  return columns;
}

function readProcesses(block: ColumnBlock): ProcessTable {
  const count = block.countOf(20);
  return {
    count,
    uid: block.bytes(20, count),
    uidWords: block.words(20, count * 4),
    parentUid: block.bytes(21, count),
    parentUidWords: block.words(21, count * 4),
    pid: block.u32(22, count),
    namespacePid: block.u32(23, count),
    parentPid: block.u32(24, count),
    startTimeUs: block.u64(25, count),
    imageNumber: block.u32(26, count),
    image: block.u16(27, count),
    container: block.u16(28, count),
    userId: block.u32(29, count),
    groupId: block.u32(30, count),
    ...readCredentials(block, count),
  };
}

type Credentials = Pick<ProcessTable, 'terminal' | 'loginUserId' | 'sessionId' | 'capabilities' | 'capabilityWords'>;

/** Agents that know none leave them out. */
function readCredentials(block: ColumnBlock, count: number): Credentials {
  const nobody = (): Uint32Array => new Uint32Array(count).fill(nobodyId);
  const sets = count * capabilitySets.length;
  const capabilities = block.countOf(34) === 0 ? new BigUint64Array(sets) : block.u64s(34, count);
  return {
    terminal: block.u16OrZeros(31, count),
    loginUserId: block.countOf(32) === 0 ? nobody() : block.u32(32, count),
    sessionId: block.countOf(33) === 0 ? nobody() : block.u32(33, count),
    capabilities,
    capabilityWords: new Uint32Array(capabilities.buffer, capabilities.byteOffset, capabilities.length * 2),
  };
}

function readImages(block: ColumnBlock): ImageTable {
  const count = block.countOf(40);
  return {
    count,
    path: block.u16(40, count),
    commandLine: block.u16(41, count),
    sha256: block.bytes(42, count),
    flags: block.u32(43, count),
    workingDirectory: block.u16(44, count),
    environment: block.u16OrZeros(45, count),
    package: block.u16OrZeros(46, count),
    packageVersion: block.u16OrZeros(47, count),
  };
}

function checkIndices({ strings, process, path, target, processes, images, containers }: BatchColumns): void {
  checkBelow('process', process, processes.count);
  checkBelow('path', path, strings.count);
  checkBelow('target', target, strings.count);
  checkBelow('image', processes.image, images.count);
  checkBelow('container', processes.container, containers.count);
  checkBelow('image_path', images.path, strings.count);
  checkBelow('image_command_line', images.commandLine, strings.count);
  checkBelow('image_working_directory', images.workingDirectory, strings.count);
  checkBelow('image_environment', images.environment, strings.count);
  checkBelow('image_package', images.package, strings.count);
  checkBelow('image_package_version', images.packageVersion, strings.count);
  checkBelow('terminal', processes.terminal, strings.count);
  checkBelow('container_id', containers.id, strings.count);
}

function checkBelow(name: string, column: Uint16Array, limit: number): void {
  let highest = -1;
  for (const index of column) if (index > highest) highest = index;
  if (highest >= limit) throw malformed(`Column ${name} points to entry ${highest} of ${limit}`);
}

/** All columns, each at a multiple of eight in one buffer. */
class ColumnBlock {
  readonly buffer: ArrayBuffer;
  strings: Uint8Array = new Uint8Array(0);
  private readonly places = new Map<number, { readonly start: number; readonly length: number }>();

  constructor(bytes: Uint8Array) {
    const columns = this.find(bytes);
    let size = 0;
    for (const { chunk } of columns) size += (chunk.length + 7) & ~7;
    this.buffer = new ArrayBuffer(size);
    const target = new Uint8Array(this.buffer);
    let start = 0;
    for (const { number, chunk } of columns) {
      target.set(chunk, start);
      this.places.set(number, { start, length: chunk.length });
      start += (chunk.length + 7) & ~7;
    }
  }

  /** How many elements a column has: the length of its table. */
  countOf(number: number): number {
    return Math.floor((this.places.get(number)?.length ?? 0) / (widths[number] ?? 1));
  }

  startOf(number: number, count: number): number {
    const place = this.places.get(number);
    const length = place?.length ?? 0;
    if (length !== count * (widths[number] ?? 1)) {
      throw malformed(`Column ${number} has ${length} bytes where ${count} elements are due`);
    }
    return place?.start ?? 0;
  }

  u8(number: number, count: number): Uint8Array {
    return new Uint8Array(this.buffer, this.startOf(number, count), count);
  }

  u16(number: number, count: number): Uint16Array {
    return new Uint16Array(this.buffer, this.startOf(number, count), count);
  }

  /** Of a column that may have been left out. */
  u16OrZeros(number: number, count: number): Uint16Array {
    return this.countOf(number) === 0 ? new Uint16Array(count) : this.u16(number, count);
  }

  u32(number: number, count: number): Uint32Array {
    return new Uint32Array(this.buffer, this.startOf(number, count), count);
  }

  u64(number: number, count: number): BigUint64Array {
    return new BigUint64Array(this.buffer, this.startOf(number, count), count);
  }

  /** The words of 64 bits of elements that have several. */
  u64s(number: number, count: number): BigUint64Array {
    const words = (count * (widths[number] ?? 8)) / 8;
    return new BigUint64Array(this.buffer, this.startOf(number, count), words);
  }

  /** The bytes of elements wider than a number. */
  bytes(number: number, count: number): Uint8Array {
    return new Uint8Array(this.buffer, this.startOf(number, count), count * (widths[number] ?? 1));
  }

  /** A column of wide elements seen as words. */
  words(number: number, wordCount: number): Uint32Array {
    return new Uint32Array(this.buffer, this.startOf(number, (wordCount * 4) / (widths[number] ?? 4)), wordCount);
  }

  private find(bytes: Uint8Array): { number: number; chunk: Uint8Array }[] {
    const reader = new WireReader(bytes);
    const columns: { number: number; chunk: Uint8Array }[] = [];
    while (!reader.atEnd) {
      const tag = reader.varint();
      const number = tag >>> 3;
      if ((tag & 7) !== 2) reader.skip(tag & 7);
      else if (number === 1) this.strings = reader.chunk();
      else if (widths[number] === undefined) reader.skip(2);
      else columns.push({ number, chunk: reader.chunk() });
    }
    return columns;
  }
}
