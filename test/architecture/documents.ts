// The Markdown files of the repository, and what they name of it.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { repository } from './repository.ts';

/** Made by builds and tests; a document may name what is in there. */
const made = ['node_modules', 'target', 'dist', 'test-artifacts'];
const besides = [...made, '.git', '.nx', '.cache', 'coverage'];

/** Every folder and file, from the root, with `/` before each: a name's end is looked for with its beginning. */
export const everything: readonly string[] = walk(repository);
const folders = new Set(everything.map((path) => dirname(path)));

export interface Document {
  readonly path: string;
  readonly lines: readonly string[];
}

export const documents: readonly Document[] = everything
  .filter((path) => path.endsWith('.md'))
  .map((path) => path.slice(1))
  .map((path) => ({ path, lines: readFileSync(join(repository, path), 'utf8').split('\n') }));

/** Each `line: name` that a document gives for a file or a folder which does not exist. */
export function missingPaths({ path, lines }: Document): string[] {
  const folder = dirname(path);
  return lines.flatMap((line, index) =>
    [...namedIn(line), ...linkedIn(line, folder)]
      .filter((name) => isPath(name, folder) && !exists(name, folder))
      .map((name) => `${path}:${index + 1}: ${name} is neither a file nor a folder here; name what it is called now`),
  );
}

function namedIn(line: string): string[] {
  return [...line.matchAll(/`([^`]+)`/g)].flatMap(([, span = '']) => {
    const words = span.split(/[\s,]+/).map((word) => word.replace(/^\.\//, ''));
    const [first = ''] = words;
    // `deploy/images compose helm`: each further word is beside the first.
    const areSiblings = first.includes('/') && words.every((word) => /^[\w/<>*-]+$/.test(word));
    return areSiblings
      ? [first, ...words.slice(1).map((word) => (word.includes('/') ? word : join(dirname(first), word)))]
      : words;
  });
}

function linkedIn(line: string, folder: string): string[] {
  const links = [...line.matchAll(/\]\(([^)\s#]+)/g)].map(([, target = '']) => target);
  return links.filter((target) => !/^[a-z]+:/.test(target)).map((target) => join(folder, target));
}

function isPath(name: string, folder: string): boolean {
  if (!/^[\w.@*<>-]+(\/[\w.@*<>-]+)*\/?$/.test(name)) return false;
  const parts = name.split('/').filter((part) => part !== '');
  const [first = ''] = parts;
  if (parts.some((part) => made.includes(part)) || /^[@<*]/.test(first)) return false;
  if (parts.length === 1) return /\w\.(tsx?|mjs|rs|[ch]|proto)$/.test(name);
  return basesOf(folder).some((base) => folders.has(`${base}/${first}`)) || /\.(tsx?|mjs|rs|[ch]|md)$/.test(name);
}

/** From the root or a folder above the document in full; from the document's own folder by its last parts; a file's mere name anywhere. */
function exists(name: string, folder: string): boolean {
  const pattern = name
    .replace(/\/$/, '')
    .replace(/[.@]/g, '\\$&')
    .replace(/\*|<[^>]*>/g, '[^/]*');
  const exact = basesOf(folder).map((base) => new RegExp(`^${base}/${pattern}$`));
  const above = folder === '.' || !pattern.includes('/') ? '' : `/${folder}`;
  const within = new RegExp(`^${above}/(.*/)?${pattern}$`);
  return everything.some((path) => within.test(path) || exact.some((one) => one.test(path)));
}

function basesOf(folder: string): string[] {
  const bases = [''];
  for (let at = folder; at !== '.'; at = dirname(at)) bases.push(`/${at}`);
  return [...bases, `/${folder}/src`];
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !besides.includes(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      const named = `/${relative(repository, path)}`;
      return entry.isDirectory() ? [named, ...walk(path)] : [named];
    });
}
