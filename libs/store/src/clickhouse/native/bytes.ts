// A buffer that grows and is used again after its bytes have been sent.

/** Longer pieces are copied faster by a view of them, shorter ones byte by byte. */
const viewPaysBytes = 128;

export class Bytes {
  buffer: Buffer;
  length = 0;

  constructor(size = 4096) {
    this.buffer = Buffer.allocUnsafeSlow(size);
  }

  /** Makes room for `size` more. */
  reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  varint(value: number): void {
    this.reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
  }

  u64(value: number): void {
    this.words(value % 2 ** 32, Math.floor(value / 2 ** 32));
  }

  /** Of 64 bits. */
  words(low: number, high: number): void {
    this.reserve(8);
    this.buffer.writeUInt32LE(low, this.length);
    this.buffer.writeUInt32LE(high, this.length + 4);
    this.length += 8;
  }

  bytes(source: Uint8Array): void {
    this.reserve(source.length);
    this.buffer.set(source, this.length);
    this.length += source.length;
  }

  /** Of `source` what lies between. */
  range(source: Uint8Array, from: number, to: number): void {
    if (to - from > viewPaysBytes) {
      this.bytes(source.subarray(from, to));
      return;
    }
    this.reserve(to - from);
    const { buffer } = this;
    let at = this.length;
    for (let byte = from; byte < to; byte++) buffer[at++] = source[byte] ?? 0;
    this.length = at;
  }

  /** Varint length and UTF-8. */
  text(text: string): void {
    const size = Buffer.byteLength(text);
    this.varint(size);
    this.reserve(size);
    this.buffer.write(text, this.length);
    this.length += size;
  }

  view(): Buffer {
    return this.buffer.subarray(0, this.length);
  }
}
