// How an entry lies in a segment file: a 24-byte header (big-endian) and the bytes.
//   0 u32 length of the bytes · 4 u32 CRC-32 of all that follows · 8 u64 position · 16 u8 kind · 17 u8 precious · 18 u16 zero · 20 u32 events
import { crc32 } from 'node:zlib';

export type SpoolKind = 'batch' | 'outcome';

export interface SpoolEntry {
  /** Counts up for ever in one spool; order of arrival. */
  readonly position: number;
  readonly kind: SpoolKind;
  /** Findings and outcomes: dropped last. */
  readonly precious: boolean;
  readonly events: number;
  readonly bytes: Uint8Array;
}

export const headerBytes = 24;
const kinds: readonly SpoolKind[] = ['batch', 'outcome'];

export interface RecordHeader extends Omit<SpoolEntry, 'bytes'> {
  readonly length: number;
  readonly checksum: number;
}

export function encodeRecord({ position, kind, precious, events, bytes }: SpoolEntry): Buffer {
  const record = Buffer.allocUnsafe(headerBytes + bytes.byteLength);
  record.writeUInt32BE(bytes.byteLength, 0);
  record.writeBigUInt64BE(BigInt(position), 8);
  record.writeUInt8(kinds.indexOf(kind), 16);
  record.writeUInt8(precious ? 1 : 0, 17);
  record.writeUInt16BE(0, 18);
  record.writeUInt32BE(events, 20);
  record.set(bytes, headerBytes);
  record.writeUInt32BE(crc32(record.subarray(8)), 4);
  return record;
}

/** Undefined when this is no header: the file ends or is damaged here. */
export function decodeHeader(header: Buffer, bytesLeft: number): RecordHeader | undefined {
  if (header.length < headerBytes) return undefined;
  const length = header.readUInt32BE(0);
  const kind = kinds[header.readUInt8(16)];
  if (kind === undefined || length > bytesLeft - headerBytes) return undefined;
  return {
    length,
    checksum: header.readUInt32BE(4),
    position: Number(header.readBigUInt64BE(8)),
    kind,
    precious: header.readUInt8(17) === 1,
    events: header.readUInt32BE(20),
  };
}

/** Undefined when the bytes are not those that were written. */
export function decodeRecord(record: Buffer): SpoolEntry | undefined {
  const header = decodeHeader(record, record.length);
  if (header === undefined || crc32(record.subarray(8, headerBytes + header.length)) !== header.checksum)
    return undefined;
  const { position, kind, precious, events, length } = header;
  return { position, kind, precious, events, bytes: record.subarray(headerBytes, headerBytes + length) };
}
