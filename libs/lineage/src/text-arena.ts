// Short texts (paths, command lines, container ids) as bytes in one buffer: thousands of processes without a JavaScript object each.

export class TextArena {
  private buffer: Buffer;
  private used = 0;

  constructor(bytes = 4096) {
    this.buffer = Buffer.allocUnsafe(bytes);
  }

  get bytesUsed(): number {
    return this.used;
  }

  /** Keeps a copy of the text and returns where it starts. */
  add(text: Uint8Array): number {
    const start = this.used;
    if (start + text.length > this.buffer.length) this.grow(start + text.length);
    this.buffer.set(text, start);
    this.used = start + text.length;
    return start;
  }

  /** A view; holds until the next `add`. */
  view(start: number, length: number): Uint8Array {
    return this.buffer.subarray(start, start + length);
  }

  copyTo(target: Buffer, position: number, start: number, length: number): void {
    this.buffer.copy(target, position, start, start + length);
  }

  equals(start: number, length: number, text: Uint8Array): boolean {
    return length === text.length && this.buffer.compare(text, 0, text.length, start, start + length) === 0;
  }

  private grow(size: number): void {
    const larger = Buffer.allocUnsafe(Math.max(size, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.used);
    this.buffer = larger;
  }
}
