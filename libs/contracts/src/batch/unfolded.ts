// How large a batch becomes as rows. It names a string once and points to it from every row; a row has the string itself.
import { NornError } from '@norn/base';
import type { BatchColumns, ImageTable, ProcessTable } from './columns.ts';
import type { StringDictionary } from './string-dictionary.ts';
import { malformed } from './wire.ts';

/** Of one string, bytes. The agent cuts off what is longer. */
export const stringBytesMax = 4_096;
/** Of the texts of a batch's rows and processes, bytes. The agent's own 1,600 rows come to 13 MiB at most. */
export const unfoldedBytesMax = 32 * 1024 * 1024;

/** Bytes of all texts of the rows and of the processes, each with the longest command line that its parent may have. */
export function unfoldedBytes({ strings, path, target, processes, images }: BatchColumns): number {
  let bytes = 0;
  for (const index of path) bytes += lengthOf(strings, index);
  for (const index of target) bytes += lengthOf(strings, index);
  return bytes + processBytes(strings, processes, images);
}

/** Throws `batch_malformed` for a string, `batch_too_large` for a batch that no agent makes. */
export function checkUnfolded(columns: BatchColumns): void {
  const { strings } = columns;
  for (let index = 0; index < strings.count; index++) {
    const length = lengthOf(strings, index);
    if (length > stringBytesMax) throw malformed(`A string has ${length} bytes; at most ${stringBytesMax} are taken`);
  }
  const bytes = unfoldedBytes(columns);
  if (bytes <= unfoldedBytesMax) return;
  const what = `${columns.kind.length} rows and ${columns.processes.count} processes that name ${bytes} bytes of text`;
  throw new NornError('batch_too_large', `${what}: at most ${unfoldedBytesMax} are taken`);
}

function processBytes(strings: StringDictionary, processes: ProcessTable, images: ImageTable): number {
  const { path, commandLine, workingDirectory, environment, package: name, packageVersion } = images;
  const texts = [path, commandLine, workingDirectory, environment, name, packageVersion];
  const ofImage = new Uint32Array(images.count);
  for (const column of texts) {
    column.forEach((index, image) => {
      ofImage[image] = (ofImage[image] ?? 0) + lengthOf(strings, index);
    });
  }
  let bytes = 0;
  for (const image of processes.image) bytes += (ofImage[image] ?? 0) + stringBytesMax;
  return bytes;
}

function lengthOf({ starts, ends }: StringDictionary, index: number): number {
  return (ends[index] ?? 0) - (starts[index] ?? 0);
}
