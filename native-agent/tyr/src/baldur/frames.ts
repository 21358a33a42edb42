// Frames on the unix socket: a u32 little-endian length and as many bytes (local.proto).
import { NornError } from '@norn/base';
import { limits } from '../limits.ts';

export function encodeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + message.byteLength);
  frame.writeUInt32LE(message.byteLength, 0);
  frame.set(message, 4);
  return frame;
}

/** Puts frames together from what the socket gives. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private length = 0;

  /** The frames that are complete now. Throws `frame_too_large`. */
  push(chunk: Buffer): Buffer[] {
    this.chunks.push(chunk);
    this.length += chunk.length;
    const frames: Buffer[] = [];
    for (let frame = this.next(); frame !== undefined; frame = this.next()) frames.push(frame);
    return frames;
  }

  private next(): Buffer | undefined {
    if (this.length < 4) return undefined;
    const size = this.peekLength();
    if (size > limits.frameBytesMax) {
      throw new NornError('frame_too_large', `A frame of ${size} bytes; at most ${limits.frameBytesMax} are read`);
    }
    if (this.length < 4 + size) return undefined;
    const all = this.join();
    this.chunks = all.length > 4 + size ? [all.subarray(4 + size)] : [];
    this.length = all.length - 4 - size;
    return all.subarray(4, 4 + size);
  }

  private peekLength(): number {
    const [first] = this.chunks;
    return (first !== undefined && first.length >= 4 ? first : this.join()).readUInt32LE(0);
  }

  /** Copies once a frame that came in pieces, not once a piece. */
  private join(): Buffer {
    const [first] = this.chunks;
    if (this.chunks.length === 1 && first !== undefined) return first;
    const all = Buffer.concat(this.chunks, this.length);
    this.chunks = [all];
    return all;
  }
}
