// Rule files below a folder, in the order of their names.
import { readFile, readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { NornError } from '@norn/base';

/** More files than this are a mistake. */
const FILES_MAX = 50_000;

export interface RuleFileOnDisk {
  /** Relative to the folder. */
  readonly name: string;
  readonly text: string;
}

/** Throws `rules_missing` when there is no file that ends in .yml or .yaml. */
export async function readRuleFiles(path: string): Promise<RuleFileOnDisk[]> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return [{ name: path, text: await readFile(path, 'utf8') }];
  const entries = found ? await readdir(path, { recursive: true, withFileTypes: true }) : [];
  const names = entries
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    .sort();
  if (names.length === 0) throw new NornError('rules_missing', `${path} holds no rules: name a folder of .yml files`);
  if (names.length > FILES_MAX)
    throw new NornError('rules_too_many', `${path} holds more than ${FILES_MAX} rule files`);
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(path, name), 'utf8') })));
}
