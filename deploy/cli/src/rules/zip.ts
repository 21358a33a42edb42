// Reads the files of a ZIP archive (PKWARE's APPNOTE 6.3.10): stored or deflated ones, found by the directory at the end.
import { NornError } from '@norn/base';
import { inflateRawSync } from 'node:zlib';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
/** The end's own 22 bytes and the longest comment after it. */
const END_REACH = 22 + 65_535;
const STORED = 0;
const DEFLATED = 8;

export interface ZipBounds {
  readonly filesMax: number;
  /** Of one file, unpacked; larger ones are refused, whatever they say of themselves. */
  readonly fileBytesMax: number;
}

export interface ZippedFile {
  readonly name: string;
  readonly text: string;
}

/** The files whose names `wanted` takes, as UTF-8. Throws `zip_invalid`. */
export function readZip(archive: Buffer, wanted: (name: string) => boolean, bounds: ZipBounds): ZippedFile[] {
  try {
    return [...entriesOf(archive, bounds)]
      .filter(({ name }) => wanted(name))
      .map((entry) => ({ name: entry.name, text: contentOf(archive, entry, bounds).toString('utf8') }));
  } catch (error) {
    if (error instanceof NornError) throw error;
    // What the archive says of itself led out of its bytes.
    throw refusal('is cut off or damaged', error);
  }
}

function refusal(why: string, cause?: unknown): NornError {
  return new NornError('zip_invalid', `The archive ${why}: pack it again, or import its folder`, { cause });
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly localAt: number;
}

function* entriesOf(archive: Buffer, { filesMax }: ZipBounds): Generator<Entry> {
  const end = endOf(archive);
  const count = archive.readUInt16LE(end + 10);
  if (count === 0xffff) throw refusal('is in the form for large ones (ZIP64)');
  if (count > filesMax) throw refusal(`holds ${count} files, ${filesMax} are taken`);
  let at = archive.readUInt32LE(end + 16);
  for (let left = count; left > 0; left -= 1) {
    if (archive.readUInt32LE(at) !== ENTRY) throw refusal('has a damaged directory');
    if ((archive.readUInt16LE(at + 8) & 1) === 1) throw refusal('is encrypted');
    const nameBytes = archive.readUInt16LE(at + 28);
    yield {
      name: archive.toString('utf8', at + 46, at + 46 + nameBytes),
      method: archive.readUInt16LE(at + 10),
      packedBytes: archive.readUInt32LE(at + 20),
      localAt: archive.readUInt32LE(at + 42),
    };
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
}

function endOf(archive: Buffer): number {
  for (let at = archive.length - 22; at >= Math.max(0, archive.length - END_REACH); at -= 1) {
    if (archive.readUInt32LE(at) === END) return at;
  }
  throw refusal('is no ZIP');
}

function contentOf(
  archive: Buffer,
  { name, method, packedBytes, localAt }: Entry,
  { fileBytesMax }: ZipBounds,
): Buffer {
  if (archive.readUInt32LE(localAt) !== LOCAL) throw refusal(`has nothing where ${name} should be`);
  const start = localAt + 30 + archive.readUInt16LE(localAt + 26) + archive.readUInt16LE(localAt + 28);
  const packed = archive.subarray(start, start + packedBytes);
  if (packed.length !== packedBytes) throw refusal(`ends within ${name}`);
  if (method !== STORED && method !== DEFLATED)
    throw refusal(`has ${name} packed in a way that is not known (${method})`);
  if (method === STORED && packedBytes > fileBytesMax)
    throw refusal(`has ${name} with more than ${fileBytesMax} bytes`);
  return method === STORED ? packed : inflated(packed, name, fileBytesMax);
}

function inflated(packed: Buffer, name: string, fileBytesMax: number): Buffer {
  try {
    return inflateRawSync(packed, { maxOutputLength: fileBytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw refusal(`has ${name} with more than ${fileBytesMax} bytes`, error);
  }
}
