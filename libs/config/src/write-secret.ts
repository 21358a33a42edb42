// Secrets as files, written: readable by their owner alone, whole or not there.
import { closeSync, fchmodSync, fchownSync, fstatSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { lstatSync, renameSync, rmSync, writeFileSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { NornError, messageOf } from '@norn/base';

const ownerOnly = 0o600;
/** Of a mode as the kernel has it, who may read and write. */
const permissions = 0o666;
/** The file system has no room left, or this user may have no more of it. */
const fullCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

export interface WrittenSecret {
  readonly name: string;
  readonly content: string;
  /** The file of the folder whose owner and mode it gets; default: its own, where it is replaced. */
  readonly like?: string;
}

/**
 * All of them or none, in their order: nothing is left of what could not be written. One that is replaced stays whose it was, and is read by whom it
 * was: a stage of another user goes on reading it. Throws `disk_full`, `secret_not_written`.
 */
export function writeSecrets(folder: string, secrets: readonly WrittenSecret[]): void {
  const files = secrets.map(({ name, content, like = name }) => {
    const file = join(folder, name);
    return { file, unfinished: `${file}.part`, content, like: join(folder, like) };
  });
  let [at = folder] = files.map(({ file }) => file);
  const begun: string[] = [];
  try {
    for (const { file, unfinished, content, like } of files) {
      at = file;
      // The folder may be another user's, who could have put a link to a file of ours there.
      rmSync(unfinished, { force: true });
      begun.push(unfinished);
      writeUnfinished(unfinished, content, ownFile(like));
    }
    for (const { file, unfinished } of files) renameSync(unfinished, file);
  } catch (error) {
    for (const unfinished of begun) rmSync(unfinished, { force: true });
    throw notWritten(at, error);
  }
}

/** As `writeSecrets`, one. */
export function writeSecret(folder: string, name: string, content: string): void {
  writeSecrets(folder, [{ name, content }]);
}

/** Its owner's alone; one that is there stays as it is. Throws as `writeSecrets` does. */
export function makeSecretsFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw notWritten(folder, error);
  }
}

function writeUnfinished(file: string, content: string, like: Stats | undefined): void {
  const descriptor = openSync(file, 'wx', ownerOnly);
  try {
    // All of it: a disk that gets full takes a part of what it is given first.
    writeFileSync(descriptor, content);
    if (like !== undefined) becomeLike(descriptor, like);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined of a link too: what it leads to is another's. */
function ownFile(path: string): Stats | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isFile() ? stats : undefined;
}

function becomeLike(descriptor: number, { uid, gid, mode }: Stats): void {
  const own = fstatSync(descriptor);
  if (own.uid !== uid || own.gid !== gid) fchownSync(descriptor, uid, gid);
  fchmodSync(descriptor, mode & permissions);
}

function notWritten(file: string, error: unknown): NornError {
  const why = `${file} could not be written (${messageOf(error)}), and what was there before stays`;
  const { code } = error as NodeJS.ErrnoException;
  return fullCodes.has(code)
    ? new NornError('disk_full', `${why}: free some room, and run the same again`, { cause: error })
    : new NornError('secret_not_written', `${why}: make ${dirname(file)} writable for you, and run the same again`, {
        cause: error,
      });
}
