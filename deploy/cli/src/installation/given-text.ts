// A secret that a command is given: by a file or by standard input, for what stands on a command line all users can read.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

const standardInput = '-';

/** Waits for whoever writes to standard input, however long that takes. */
export function givenText(file: string): Promise<string> {
  return file === standardInput ? text(process.stdin) : readFile(file, 'utf8');
}
