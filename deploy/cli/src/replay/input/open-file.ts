// Opens a recorded file, packed with gzip or not, and tells by its content what it is.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { NornError, messageOf } from '@norn/base';
import { ByteStream } from './byte-stream.ts';
import { recordingMagic } from './recording-format.ts';

/** `lines`: one JSON event a line; `recording`: batches as agents sent them. */
export type InputFormat = 'lines' | 'recording';

export interface OpenInput {
  readonly path: string;
  readonly format: InputFormat;
  readonly bytes: ByteStream;
}

/** How far one is: bytes read of the file as it lies there, and how many it has; 0 of a pipe. */
export type OnRead = (readBytes: number, totalBytes: number) => void;

/** Throws `replay_file_missing` and `replay_format_unknown`; what is read later may throw `replay_file_damaged`. */
export async function openInput(path: string, onRead: OnRead = () => undefined): Promise<OpenInput> {
  const raw = new ByteStream(counted(path, onRead));
  const isPacked = (await startOf(raw, path)).equals(gzipMagic);
  const bytes = isPacked ? new ByteStream(unpacked(raw, path)) : raw;
  return { path, format: formatOf(path, await bytes.peek(lookBytes)), bytes };
}

const gzipMagic = Buffer.from([0x1f, 0x8b]);
/** Blank lines before the first event are let be, this many bytes of them. */
const lookBytes = 4096;

async function startOf(raw: ByteStream, path: string): Promise<Buffer> {
  try {
    return await raw.peek(gzipMagic.length);
  } catch (error) {
    const cure = 'name a file of JSON events, or one that ./norn record wrote';
    throw new NornError('replay_file_missing', `${path} can not be read (${messageOf(error)}): ${cure}`);
  }
}

function formatOf(path: string, head: Buffer): InputFormat {
  if (head.subarray(0, recordingMagic.length).equals(recordingMagic)) return 'recording';
  // As UTF-8 its byte order mark is white space, too.
  if (head.toString('utf8').trimStart().startsWith('{')) return 'lines';
  throw new NornError(
    'replay_format_unknown',
    `${path} is neither lines of JSON events nor a recording of ./norn record: deploy/cli/src/replay/README.md describes both`,
  );
}

async function* unpacked(raw: ByteStream, path: string): AsyncGenerator<Buffer> {
  let unpackedBytes = 0;
  try {
    // What goes wrong on the way is thrown where the unpacked bytes are read.
    const content = pipeline(Readable.from(raw.rest()), createGunzip(), () => undefined);
    for await (const chunk of content) {
      unpackedBytes += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  } catch (error) {
    const place = `${path} is damaged after ${unpackedBytes} bytes of content (${messageOf(error)})`;
    throw new NornError('replay_file_damaged', `${place}: record or fetch it again`, { cause: error });
  }
}

async function* counted(path: string, onRead: OnRead): AsyncGenerator<Buffer> {
  const { size } = await stat(path);
  let read = 0;
  for await (const chunk of createReadStream(path)) {
    read += (chunk as Buffer).length;
    onRead(read, size);
    yield chunk as Buffer;
  }
}
