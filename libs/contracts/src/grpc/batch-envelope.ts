// Reads the envelope of a serialised EventBatch without touching its columns: a walk over the top-level fields, no allocation but the result.
export interface BatchEnvelope {
  readonly schemaVersion: number;
  /** 16 bytes; a view into the batch. */
  readonly streamId: Uint8Array;
  readonly batchSeq: number;
  readonly eventCount: number;
  /** Declared size of the columns before compression, bytes. */
  readonly columnsSize: number;
  /** Compressed columns, bytes. */
  readonly columnsBytes: number;
  readonly findings: number;
  /** W3C trace context; empty when not traced. */
  readonly traceparent: string;
}

/** `malformed`: no EventBatch of a host; `foreign`: holds what only the installation may add. */
export type EnvelopeReading =
  | { readonly ok: true; readonly envelope: BatchEnvelope }
  | { readonly ok: false; readonly code: 'malformed' | 'foreign'; readonly message: string };

/** Field numbers from here on belong to the installation's stages, never to a host. */
export const installationFieldsFrom = 20;

const VARINT = 0;
const BYTES = 2;
/** Wire type of each field of EventBatch that a host writes; `findings` (8) alone may repeat. */
const wireTypes: Readonly<Record<number, number>> = {
  1: VARINT,
  2: BYTES,
  3: VARINT,
  4: VARINT,
  5: VARINT,
  6: VARINT,
  7: BYTES,
  8: BYTES,
  9: BYTES,
  10: BYTES,
};
const FINDINGS = 8;
/** "00-" + 32 + "-" + 16 + "-" + 2. */
const traceparentLength = 55;

class Malformed extends Error {}
class Foreign extends Error {}

interface Fields {
  readonly numbers: Map<number, number>;
  readonly bytes: Map<number, Uint8Array>;
  findings: number;
}

export function readBatchEnvelope(batch: Uint8Array): EnvelopeReading {
  try {
    return { ok: true, envelope: toEnvelope(walk(batch)) };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, code: 'malformed', message: error.message };
    if (error instanceof Foreign) return { ok: false, code: 'foreign', message: error.message };
    throw error;
  }
}

function walk(batch: Uint8Array): Fields {
  const fields: Fields = { numbers: new Map(), bytes: new Map(), findings: 0 };
  const cursor = new Cursor(batch);
  while (!cursor.atEnd()) {
    const tag = cursor.varint();
    // A longer tag would be cut to 32 bits by some readers and so name another field there.
    if (tag > 0xffff_ffff) throw new Malformed('A field tag has more than 32 bits');
    readField(cursor, { number: tag >>> 3, wireType: tag & 7 }, fields);
  }
  return fields;
}

interface Tag {
  readonly number: number;
  readonly wireType: number;
}

function readField(cursor: Cursor, { number, wireType }: Tag, fields: Fields): void {
  if (number === 0) throw new Malformed('Field number 0');
  if (number >= installationFieldsFrom) {
    throw new Foreign(`Field ${number} is added by the installation; a host may not supply it`);
  }
  const expected = wireTypes[number];
  if (expected === undefined) {
    cursor.skip(wireType);
    return;
  }
  if (wireType !== expected) throw new Malformed(`Field ${number} has wire type ${wireType}, not ${expected}`);
  if (number === FINDINGS) {
    cursor.bytes();
    fields.findings++;
    return;
  }
  if (fields.numbers.has(number) || fields.bytes.has(number)) throw new Malformed(`Field ${number} comes twice`);
  if (wireType === VARINT) fields.numbers.set(number, cursor.varint());
  else fields.bytes.set(number, cursor.bytes());
}

function toEnvelope({ numbers, bytes, findings }: Fields): BatchEnvelope {
  const streamId = streamIdOf(bytes.get(2));
  const bootId = bytes.get(9)?.byteLength ?? 0;
  if (bootId !== 0 && bootId !== 16) throw new Malformed(`boot_id has ${bootId} bytes, not 16`);
  const batchSeq = numbers.get(3) ?? 0;
  if (batchSeq === 0) throw new Malformed('batch_seq is 0; it counts from 1');
  return {
    schemaVersion: numbers.get(1) ?? 0,
    streamId,
    batchSeq,
    eventCount: numbers.get(5) ?? 0,
    columnsSize: numbers.get(6) ?? 0,
    columnsBytes: bytes.get(7)?.byteLength ?? 0,
    findings,
    traceparent: traceparentOf(bytes.get(10)),
  };
}

function streamIdOf(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes?.byteLength === 16) return bytes;
  throw new Malformed(`stream_id has ${bytes?.byteLength ?? 0} bytes, not 16`);
}

function traceparentOf(bytes: Uint8Array | undefined): string {
  if (bytes === undefined || bytes.byteLength === 0) return '';
  const text =
    bytes.byteLength === traceparentLength
      ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      : '';
  if (!/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(text))
    throw new Malformed('traceparent is not W3C trace context');
  return text;
}

class Cursor {
  private position = 0;
  constructor(private readonly buffer: Uint8Array) {}

  atEnd(): boolean {
    return this.position === this.buffer.byteLength;
  }

  /** Throws beyond 2^53: nothing in an envelope is that large. */
  varint(): number {
    let value = 0;
    for (let shift = 1, length = 0; length < 10; length++, shift *= 128) {
      const byte = this.buffer[this.position++];
      if (byte === undefined) throw new Malformed('Ends within a number');
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new Malformed('A number has more than 53 bits');
        return value;
      }
    }
    throw new Malformed('A number has more than ten bytes');
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const start = this.position;
    this.advance(length);
    return this.buffer.subarray(start, this.position);
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === 1) this.advance(8);
    else if (wireType === BYTES) this.bytes();
    else if (wireType === 5) this.advance(4);
    else throw new Malformed(`Wire type ${wireType} is not in use`);
  }

  private advance(length: number): void {
    if (length > this.buffer.byteLength - this.position) throw new Malformed('A field is longer than the batch');
    this.position += length;
  }
}
