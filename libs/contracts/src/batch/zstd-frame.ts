// Decompresses exactly one zstd frame of a known size. Node's decoder stops after the first of several frames without a word,
// so the frame's end is found first (RFC 8878 §3.1.1).
import { zstdDecompressSync } from 'node:zlib';
import { messageOf } from '@norn/base';
import { malformed } from './wire.ts';

const magic = 0xfd2fb528;

export function decompressFrame(frame: Uint8Array, size: number): Uint8Array {
  const end = frameEnd(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
  if (end !== frame.byteLength)
    throw malformed(`The columns are not one zstd frame, it ends at ${end} of ${frame.byteLength} bytes`);
  let columns: Buffer;
  try {
    columns = zstdDecompressSync(frame, { maxOutputLength: Math.max(size, 1), chunkSize: Math.max(size, 64) });
  } catch (error) {
    throw malformed(`The columns do not decompress to ${size} bytes (${messageOf(error)})`);
  }
  if (columns.length !== size) throw malformed(`The columns have ${columns.length} bytes, ${size} were declared`);
  return columns;
}

/** Position after the first frame. */
function frameEnd(frame: Buffer): number {
  if (frame.length < 6 || frame.readUInt32LE(0) !== magic) throw malformed('The columns are not zstd');
  const descriptor = frame.readUInt8(4);
  const singleSegment = (descriptor >> 5) & 1;
  const sizeFlag = descriptor >> 6;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = sizeFlag === 0 ? singleSegment : 1 << sizeFlag;
  let position = 5 + (1 - singleSegment) + dictionaryBytes + sizeBytes;
  for (;;) {
    if (position + 3 > frame.length) throw malformed('The columns end within a zstd block');
    const header = frame.readUIntLE(position, 3);
    const isRunLength = ((header >> 1) & 3) === 1;
    position += 3 + (isRunLength ? 1 : header >> 3);
    if ((header & 1) === 1) break;
  }
  return position + 4 * ((descriptor >> 2) & 1);
}
