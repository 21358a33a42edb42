// Reads the files of a ZIP archive: yauzl knows its form, what is asked of it and said about it is here.
import { buffer } from 'node:stream/consumers';
import { NornError } from '@norn/base';
import { type Entry, type ZipFile, fromBufferPromise } from 'yauzl';

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
export async function readZip(
  archive: Buffer,
  wanted: (name: string) => boolean,
  { filesMax, fileBytesMax }: ZipBounds,
): Promise<ZippedFile[]> {
  // Names as bytes: they are UTF-8, also where an archive does not say so, and no file is written under them.
  const zip = await orRefuse('is no ZIP', fromBufferPromise(archive, { decodeStrings: false }));
  if (zip.entryCount > filesMax) throw refusal(`holds ${zip.entryCount} files, ${filesMax} are taken`);
  const files: ZippedFile[] = [];
  for (const entry of await orRefuse('has a damaged directory', entriesOf(zip))) {
    const name = entry.fileNameRaw.toString('utf8');
    if (wanted(name)) files.push({ name, text: await textOf(zip, { entry, name, fileBytesMax }) });
  }
  return files;
}

async function entriesOf(zip: ZipFile): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of zip.eachEntry()) entries.push(entry);
  return entries;
}

interface Wanted {
  readonly entry: Entry;
  readonly name: string;
  readonly fileBytesMax: number;
}

/** yauzl ends the stream of an entry that is larger than it says. */
async function textOf(zip: ZipFile, { entry, name, fileBytesMax }: Wanted): Promise<string> {
  if (entry.isEncrypted()) throw refusal('is encrypted');
  if (!entry.canDecodeFileData())
    throw refusal(`has ${name} packed in a way that is not known (${entry.compressionMethod})`);
  if (entry.uncompressedSize > fileBytesMax) throw refusal(`has ${name} with more than ${fileBytesMax} bytes`);
  const content = await orRefuse(`has nothing where ${name} should be`, zip.openReadStreamPromise(entry));
  return (await orRefuse('is cut off or damaged', buffer(content))).toString('utf8');
}

function orRefuse<Result>(why: string, work: Promise<Result>): Promise<Result> {
  return work.catch((error: unknown) => {
    throw refusal(why, error);
  });
}

function refusal(why: string, cause?: unknown): NornError {
  return new NornError('zip_invalid', `The archive ${why}: pack it again, or import its folder`, { cause });
}
