// Rule files below a folder, in the order of their names.
import { open, readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { NornError, messageOf } from '@norn/base';
import { note } from '../print/columns.ts';

/** More files than this are a mistake. */
const FILES_MAX = 50_000;
/** Open at once: far fewer than a process may have. */
const OPEN_MAX = 32;
/** What is read of a file: one that is longer has more characters than any rule file may have. */
const FILE_BYTES_MAX = 1024 * 1024 + 4;

export interface RuleFileOnDisk {
  /** Relative to the folder. */
  readonly name: string;
  readonly text: string;
}

/**
 * Symbolic links are left out, and told of on standard error. Throws `rules_missing` when there is no file that ends in .yml or .yaml,
 * `rules_unreadable`, `rules_too_many`.
 */
export async function readRuleFiles(path: string): Promise<RuleFileOnDisk[]> {
  const found = await lookAt(path);
  if (found.isFile()) return [{ name: path, text: await readText(path) }];
  const names = await namesBelow(path);
  const files: RuleFileOnDisk[] = [];
  for (let at = 0; at < names.length; at += OPEN_MAX) {
    const some = names.slice(at, at + OPEN_MAX);
    files.push(...(await Promise.all(some.map(async (name) => ({ name, text: await readText(join(path, name)) })))));
  }
  return files;
}

/** What is there: a folder or a file. Throws `rules_missing`, `rules_unreadable`. */
export async function lookAt(path: string): Promise<{ isFile(): boolean; readonly size: number }> {
  const found = await stat(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      throw new NornError('rules_missing', `"${path}" does not exist: name a folder of .yml files or a .zip`);
    }
    throw unreadable(path, error);
  });
  if (found.isFile() || found.isDirectory()) return found;
  throw new NornError(
    'rules_missing',
    `"${path}" is neither a folder nor a file: name a folder of .yml files or a .zip`,
  );
}

async function namesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const links = entries.filter((entry) => entry.isSymbolicLink()).length;
  if (links > 0) {
    note(
      `Left out below ${path}: ${links} symbolic ${links === 1 ? 'link' : 'links'}. Name what they lead to, or copy it there`,
    );
  }
  const names = entries
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    .sort();
  if (names.length === 0) throw new NornError('rules_missing', `${path} holds no rules: name a folder of .yml files`);
  if (names.length > FILES_MAX)
    throw new NornError('rules_too_many', `${path} holds more than ${FILES_MAX} rule files: name a part of them`);
  return names;
}

async function readText(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const bytes = Buffer.alloc(Math.min(size, FILE_BYTES_MAX));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      return bytes.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): NornError {
  return new NornError('rules_unreadable', `${path} can not be read (${messageOf(error)})`, { cause: error });
}
