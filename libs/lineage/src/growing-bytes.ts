// A buffer that grows, reused from batch to batch.
import { writeVarint } from '@norn/contracts';

export class GrowingBytes {
  buffer: Buffer;
  length = 0;

  constructor(bytes = 4096) {
    this.buffer = Buffer.allocUnsafe(bytes);
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.length + bytes, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  varint(value: number): void {
    this.reserve(8);
    if (value < 0x80) this.buffer[this.length++] = value;
    else this.length = writeVarint(this.buffer, this.length, value);
  }

  u32(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeUInt32LE(value, this.length);
  }

  bytes(source: Uint8Array): void {
    this.reserve(source.length);
    this.buffer.set(source, this.length);
    this.length += source.length;
  }

  /** Sixteen bytes of four words. */
  uid(words: Uint32Array, at: number): void {
    this.reserve(16);
    for (let word = 0; word < 4; word++) {
      this.length = this.buffer.writeUInt32LE(words[at + word] ?? 0, this.length);
    }
  }

  clear(): void {
    this.length = 0;
  }

  /** A view; holds until the next write. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}
