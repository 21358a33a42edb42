// A tag that changes with whatever goes into an image, so that one that is there can be told from one that is to be built.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../installation/installation.ts';
import { foldersOf, recipes, type ImageName } from './recipes.ts';

const notSources = /(^|\/)(node_modules|target|dist|test)(\/|$)|\.spec\.ts$|\.md$/;
/** Built for the image from sources that are not among its folders. */
const builtFrom: Partial<Record<ImageName, readonly string[]>> = {
  pipeline: ['services/console'],
  agent: ['native-agent'],
  inside: ['native-agent'],
};
const common = ['deploy/images', 'deploy/runtime', 'deploy/cli/src/images'];

/** Twelve hex digits. */
export function sourcesTag(name: ImageName, root = repository): string {
  const folders = [...common, ...foldersOf(recipes[name], root), ...(builtFrom[name] ?? [])];
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const folder of [...new Set(folders)].sort()) {
    for (const path of filesOf(root, folder)) hash.update(path).update(readFileSync(join(root, path)));
  }
  return hash.digest('hex').slice(0, 12);
}

function filesOf(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries
    .map((entry) => ({ entry, path: join(folder, entry.name) }))
    .filter(({ path }) => !notSources.test(path))
    .sort((one, other) => one.path.localeCompare(other.path))
    .flatMap(({ entry, path }) => (entry.isDirectory() ? filesOf(root, path) : entry.isFile() ? [path] : []));
}
