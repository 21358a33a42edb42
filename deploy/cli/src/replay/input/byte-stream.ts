// Bytes of a file as they are wanted: a look ahead, a number of them, a line. Holds no more than what is asked for and one chunk.

export class ByteStream {
  private pending: Buffer = Buffer.alloc(0);
  private readonly chunks: AsyncIterator<Buffer, unknown>;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next bytes, at most `count`, fewer at the end; they stay there. */
  async peek(count: number): Promise<Buffer> {
    while (this.pending.length < count && (await this.fill()));
    return this.pending.subarray(0, count);
  }

  /** Exactly `count` bytes; `undefined` when fewer are left. */
  async take(count: number): Promise<Buffer | undefined> {
    while (this.pending.length < count) if (!(await this.fill())) return undefined;
    return this.cut(count, 0);
  }

  /** The next line without its end; `undefined` after the last. Longer than `bytesMax`: its first bytes, one more than that. */
  async line(bytesMax: number): Promise<Buffer | undefined> {
    let end = this.pending.indexOf(10);
    while (end < 0 && this.pending.length <= bytesMax) {
      const searched = this.pending.length;
      if (!(await this.fill())) break;
      end = this.pending.indexOf(10, searched);
    }
    if (end >= 0 && end <= bytesMax) return this.cut(end, 1);
    const count = Math.min(this.pending.length, bytesMax + 1);
    return count === 0 ? undefined : this.cut(count, 0);
  }

  /** Everything that was not taken; nothing else may be asked for after it. */
  async *rest(): AsyncGenerator<Buffer> {
    while (this.pending.length > 0 || (await this.fill())) yield this.cut(this.pending.length, 0);
  }

  private cut(count: number, passedOver: number): Buffer {
    const bytes = this.pending.subarray(0, count);
    this.pending = this.pending.subarray(count + passedOver);
    return bytes;
  }

  private async fill(): Promise<boolean> {
    const next = await this.chunks.next();
    if (next.done === true) return false;
    this.pending = this.pending.length === 0 ? next.value : Buffer.concat([this.pending, next.value]);
    return true;
  }
}
