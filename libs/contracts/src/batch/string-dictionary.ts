// A batch's strings: varint length + bytes each. Offsets are found once, text is made only for what somebody asks for.
import { malformed } from './wire.ts';

export const stringsMax = 65_535;

export class StringDictionary {
  readonly count: number;
  /** Where each string's bytes start in `bytes`. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  private readonly buffer: Buffer;
  private readonly texts: (string | undefined)[] = [];

  constructor(readonly bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { starts, ends, count } = findStrings(bytes);
    this.starts = starts;
    this.ends = ends;
    this.count = count;
  }

  /** Text of a string; bytes that are not UTF-8 become U+FFFD. */
  text(index: number): string {
    return (this.texts[index] ??= this.buffer.toString('utf8', this.starts[index], this.ends[index]));
  }

  /** The exact bytes; a view. */
  raw(index: number): Uint8Array {
    return this.bytes.subarray(this.starts[index], this.ends[index]);
  }

  /** With its length before it, as ClickHouse and the dictionary itself have it; a view. */
  prefixed(index: number): Uint8Array {
    const start = index === 0 ? 0 : this.ends[index - 1];
    return this.bytes.subarray(start, this.ends[index]);
  }
}

function findStrings(bytes: Uint8Array): { starts: Uint32Array; ends: Uint32Array; count: number } {
  // The shortest string takes one byte.
  const most = Math.min(bytes.length, stringsMax);
  const starts = new Uint32Array(most);
  const ends = new Uint32Array(most);
  let position = 0;
  let count = 0;
  while (position < bytes.length) {
    if (count === most) throw malformed(`More than ${stringsMax} strings`);
    let length = bytes[position++] ?? 0;
    if (length >= 0x80) {
      length &= 0x7f;
      for (let shift = 7, byte = 0x80; byte >= 0x80; shift += 7) {
        byte = bytes[position++] ?? 0;
        if (shift > 21) throw malformed('A string is longer than 256 MiB');
        length |= (byte & 0x7f) << shift;
      }
    }
    starts[count] = position;
    position += length;
    ends[count] = position;
    count += 1;
  }
  if (position !== bytes.length) throw malformed('The last string is cut off');
  return { starts, ends, count };
}
