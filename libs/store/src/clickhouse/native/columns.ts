// Columns of a ClickHouse Native block, one class a kind of type. Format: https://clickhouse.com/docs/interfaces/formats/Native
// and, for LowCardinality, SerializationLowCardinality.cpp: version 1, then flags, keys, indices.
import { Bytes } from './bytes.ts';

export interface Column {
  readonly type: string;
  /** What stands in the block, in order; the buffers are used again after `clear`. */
  chunks(rows: number): readonly Buffer[];
  clear(): void;
}

/** Integers and DateTime64, little-endian. */
export class NumberColumn implements Column {
  private readonly data = new Bytes();

  constructor(
    readonly type: string,
    private readonly width: 1 | 2 | 4 | 8,
  ) {}

  push(value: number): void {
    const { data, width } = this;
    if (width === 8) {
      data.u64(value);
      return;
    }
    data.reserve(width);
    // An Int32 that is negative has the same bits as this.
    if (width === 4) data.buffer.writeUInt32LE(value >>> 0, data.length);
    else if (width === 2) data.buffer.writeUInt16LE(value, data.length);
    else data.buffer.writeUInt8(value, data.length);
    data.length += width;
  }

  /** Of 64 bits. */
  pushWords(low: number, high: number): void {
    this.data.words(low, high);
  }

  /** A whole column as it lies in memory (this machine is little-endian). */
  pushAll(values: ArrayBufferView): void {
    this.data.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** Room for `rows` more, to be written by the caller. */
  take(rows: number): { readonly buffer: Buffer; readonly start: number } {
    const { data, width } = this;
    data.reserve(rows * width);
    const start = data.length;
    data.length += rows * width;
    return { buffer: data.buffer, start };
  }

  /** The same as words, for columns of four or eight bytes: one or two a row. */
  takeWords(rows: number): Uint32Array {
    const { buffer, start } = this.take(rows);
    // The buffer is its own allocation and all that is written are whole words, so this is aligned.
    return new Uint32Array(buffer.buffer, buffer.byteOffset + start, (rows * this.width) / 4);
  }

  chunks(): readonly Buffer[] {
    return [this.data.view()];
  }

  clear(): void {
    this.data.length = 0;
  }
}

/** FixedString(n). */
export class FixedBytesColumn implements Column {
  readonly type: string;
  readonly data = new Bytes();
  private readonly zeros: Uint8Array;

  constructor(readonly width: number) {
    this.type = `FixedString(${width})`;
    this.zeros = new Uint8Array(width);
  }

  /** Anything that is not `width` bytes long is zeros: not known. */
  push(value: Uint8Array): void {
    this.data.bytes(value.length === this.width ? value : this.zeros);
  }

  /** Element `index` of `table`. */
  pushAt(table: Uint8Array, index: number): void {
    this.data.range(table, index * this.width, (index + 1) * this.width);
  }

  /** Elements one after the other. */
  pushAll(elements: Uint8Array): void {
    this.data.bytes(elements);
  }

  /** The same value for `rows` rows. */
  fill(value: Uint8Array, rows: number): void {
    const { data, width } = this;
    data.reserve(rows * width);
    const start = data.length;
    data.buffer.fill(value, start, start + rows * width);
    data.length += rows * width;
  }

  /** Element `indices[row]` of `table` for each row. */
  gather(table: Uint8Array, indices: Uint16Array): void {
    const { data, width } = this;
    data.reserve(indices.length * width);
    let at = data.length;
    const { buffer } = data;
    for (const index of indices) {
      const from = index * width;
      for (let byte = 0; byte < width; byte++) buffer[at + byte] = table[from + byte] ?? 0;
      at += width;
    }
    data.length = at;
  }

  chunks(): readonly Buffer[] {
    return [this.data.view()];
  }

  clear(): void {
    this.data.length = 0;
  }
}

export class StringColumn implements Column {
  readonly type = 'String';
  readonly data = new Bytes();

  push(text: string): void {
    this.data.text(text);
  }

  pushBytes(bytes: Uint8Array): void {
    this.data.varint(bytes.length);
    this.data.bytes(bytes);
  }

  /** Of a batch's dictionary, which has ClickHouse's own form: the length stands before the string. */
  pushAt({ bytes, ends }: { readonly bytes: Uint8Array; readonly ends: Uint32Array }, index: number): void {
    this.data.range(bytes, index === 0 ? 0 : (ends[index - 1] ?? 0), ends[index] ?? 0);
  }

  chunks(): readonly Buffer[] {
    return [this.data.view()];
  }

  clear(): void {
    this.data.length = 0;
  }
}

const lowCardinalityVersion = 1;
/** Keys travel with the block and are not shared with other blocks. */
const hasAdditionalKeys = 0x200;
const needsUpdate = 0x400;
const indexIsUInt32 = 2;

/** LowCardinality(String): rows are indices into keys, and most rows of a block share a few keys. */
export class LowCardinalityColumn implements Column {
  readonly type = 'LowCardinality(String)';
  private readonly keys = new Map<string, number>();
  private readonly keyData = new Bytes();
  private readonly indices = new Bytes();
  private readonly head = new Bytes(64);
  private readonly middle = new Bytes(64);
  /** Most rows say what the one before said. */
  private lastText = '';
  private lastKey = -1;

  /** The index of a key in this block. */
  key(text: string): number {
    if (this.lastKey >= 0 && this.lastText === text) return this.lastKey;
    this.lastText = text;
    this.lastKey = this.keyOf(text);
    return this.lastKey;
  }

  private keyOf(text: string): number {
    const known = this.keys.get(text);
    if (known !== undefined) return known;
    const index = this.keys.size;
    this.keys.set(text, index);
    this.keyData.text(text);
    return index;
  }

  push(text: string): void {
    this.pushKey(this.key(text));
  }

  pushKey(key: number): void {
    this.indices.reserve(4);
    this.indices.buffer.writeUInt32LE(key, this.indices.length);
    this.indices.length += 4;
  }

  fill(text: string, rows: number): void {
    const key = this.key(text);
    const at = this.take(rows);
    for (let row = 0; row < rows; row++) at[row] = key;
  }

  /** `keys[indices[row]]` for each row. */
  gather(keys: Uint32Array, indices: Uint16Array): void {
    const at = this.take(indices.length);
    for (let row = 0; row < indices.length; row++) at[row] = keys[indices[row] ?? 0] ?? 0;
  }

  get rows(): number {
    return this.indices.length / 4;
  }

  /** Stands before everything else of a column, also before an array's offsets. */
  prefix(): Buffer {
    this.head.length = 0;
    this.head.u64(lowCardinalityVersion);
    return this.head.view();
  }

  body(): readonly Buffer[] {
    if (this.rows === 0) return [];
    this.middle.length = 0;
    this.middle.u64(hasAdditionalKeys | needsUpdate | indexIsUInt32);
    this.middle.u64(this.keys.size);
    const split = this.middle.length;
    this.middle.u64(this.rows);
    const middle = this.middle.view();
    return [middle.subarray(0, split), this.keyData.view(), middle.subarray(split), this.indices.view()];
  }

  chunks(): readonly Buffer[] {
    return [this.prefix(), ...this.body()];
  }

  clear(): void {
    this.lastKey = -1;
    this.keys.clear();
    this.keyData.length = 0;
    this.indices.length = 0;
  }

  private take(rows: number): Uint32Array {
    this.indices.reserve(rows * 4);
    const { buffer, length } = this.indices;
    this.indices.length += rows * 4;
    // The buffer is its own allocation and all that is written are whole words, so this is aligned.
    return new Uint32Array(buffer.buffer, buffer.byteOffset + length, rows);
  }
}

/** Array of FixedString or LowCardinality(String). */
export class ArrayColumn<Of extends FixedBytesColumn | LowCardinalityColumn> implements Column {
  readonly type: string;
  private readonly offsets = new Bytes();
  private total = 0;

  constructor(readonly elements: Of) {
    this.type = `Array(${elements.type})`;
  }

  /** The row has `count` elements, which the caller pushed. */
  close(count: number): void {
    this.total += count;
    this.offsets.u64(this.total);
  }

  chunks(): readonly Buffer[] {
    const { elements } = this;
    if (elements instanceof LowCardinalityColumn) return [elements.prefix(), this.offsets.view(), ...elements.body()];
    return [this.offsets.view(), ...elements.chunks()];
  }

  clear(): void {
    this.offsets.length = 0;
    this.total = 0;
    this.elements.clear();
  }
}
