// Norn's own recording: a magic number, then records of a kind, a host and bytes as the host's agent sent them. README.md has the layout.
import { NornError } from '@norn/base';
import type { ByteStream } from './byte-stream.ts';

/** The first bytes of a recording; the digit is the layout's version. */
export const recordingMagic = Buffer.from('NORNREC1');

export interface RecordedPiece {
  /** `batch`: a serialised EventBatch; `facts`: a serialised HostFacts. */
  readonly kind: 'batch' | 'facts';
  /** `tenant:host`. */
  readonly hostKey: string;
  readonly value: Uint8Array;
}

const kinds = { batch: 1, facts: 2 } as const;
/** Kind, length of the key, length of the value. */
const headerBytes = 7;
const keyBytesMax = 1024;
/** What the bus takes, and some. */
const valueBytesMax = 16 * 1024 * 1024;

/** The bytes of one record. */
export function writePiece({ kind, hostKey, value }: RecordedPiece): Uint8Array {
  const key = Buffer.from(hostKey);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(kinds[kind], 0);
  header.writeUInt16LE(key.length, 1);
  header.writeUInt32LE(value.length, 3);
  return Buffer.concat([header, key, value]);
}

/** Every record after the magic number. Throws `recording_malformed` with the record's number. */
export async function* readPieces(bytes: ByteStream, path: string): AsyncGenerator<RecordedPiece> {
  await bytes.take(recordingMagic.length);
  for (let number = 1; (await bytes.peek(1)).length > 0; number += 1) {
    const piece = await readPiece(bytes);
    if (typeof piece === 'string') {
      const cure = 'record it again; what stands before it can be replayed from a copy that is cut there';
      throw new NornError('recording_malformed', `${path}: record ${number} ${piece}: ${cure}`);
    }
    yield piece;
  }
}

/** Or what is wrong with it. */
async function readPiece(bytes: ByteStream): Promise<RecordedPiece | string> {
  const header = await bytes.take(headerBytes);
  if (!header) return 'is cut off';
  const kind =
    header.readUInt8(0) === kinds.batch ? 'batch' : header.readUInt8(0) === kinds.facts ? 'facts' : undefined;
  if (kind === undefined) return `is of kind ${header.readUInt8(0)}, 1 and 2 are known`;
  const [keyBytes, valueBytes] = [header.readUInt16LE(1), header.readUInt32LE(3)];
  if (keyBytes > keyBytesMax || valueBytes > valueBytesMax) return `claims ${keyBytes + valueBytes} bytes`;
  const content = await bytes.take(keyBytes + valueBytes);
  if (!content) return 'is cut off';
  return { kind, hostKey: content.toString('utf8', 0, keyBytes), value: content.subarray(keyBytes) };
}
