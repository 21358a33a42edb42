// The few pieces of protobuf's wire format that batches need, without copies.
import { NornError } from '@norn/base';

export function malformed(what: string): NornError {
  return new NornError('batch_malformed', `${what}: the sender is broken or the bytes were changed`);
}

/** Walks over the fields of one serialised message. */
export class WireReader {
  position = 0;

  constructor(readonly bytes: Uint8Array) {}

  get atEnd(): boolean {
    return this.position >= this.bytes.length;
  }

  /** At most 2^53: nothing that is read this way is larger. */
  varint(): number {
    let byte = this.bytes[this.position++] ?? refuseEnd();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let scale = 128; scale < 2 ** 63; scale *= 128) {
      byte = this.bytes[this.position++] ?? refuseEnd();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : refuse('a number has more than 53 bits');
    }
    return refuse('a number has more than ten bytes');
  }

  /** A view, not a copy. */
  chunk(): Uint8Array {
    const length = this.varint();
    const start = this.position;
    if (length > this.bytes.length - start) refuseEnd();
    this.position = start + length;
    return this.bytes.subarray(start, this.position);
  }

  /** Passes over the value of a field that is not known here. */
  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 2) this.chunk();
    else if (wireType === 1) this.position += 8;
    else if (wireType === 5) this.position += 4;
    else refuse(`wire type ${wireType} is not in use`);
    if (this.position > this.bytes.length) refuseEnd();
  }
}

function refuse(what: string): never {
  throw malformed(`Not a batch, ${what}`);
}

function refuseEnd(): never {
  return refuse('a field ends after the message');
}

export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Writes at `position` and returns the position after. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}
