// What each TypeScript file of the repository imports, types included: of its own project and of the others.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Graph } from './circles.ts';
import { everything } from './documents.ts';
import { repository } from './repository.ts';

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface Project {
  readonly folder: string;
  readonly manifest: Manifest;
}

const own = '@norn/';
const files = everything.filter((path) => /\.tsx?$/.test(path) && !path.includes('/gen/'));
const projects: readonly Project[] = everything
  .filter((path) => /^\/.+\/package\.json$/.test(path))
  .map((path) => ({
    folder: dirname(path),
    manifest: JSON.parse(readFileSync(join(repository, path), 'utf8')) as Manifest,
  }));
const folderOf = new Map(projects.map(({ folder, manifest }) => [manifest.name, { folder, manifest }]));
const specifiers = new Map(files.map((path) => [path, importedBy(path)]));

/** Files by their path from the root. What lies outside of the repository is left out. */
export const imports: Graph = new Map(
  files.map((path) => {
    const found = (specifiers.get(path) ?? []).map((specifier) => resolve(specifier, path));
    return [path, new Set(found.filter((one) => specifiers.has(one)))];
  }),
);

/** Each project's imports of other projects that its package.json does not name. */
export function unnamedImports(): string[] {
  const missing = projects.flatMap(({ folder, manifest }) => {
    const named = { ...manifest.dependencies, ...manifest.devDependencies };
    const imported = files
      .filter((path) => path.startsWith(`${folder}/`))
      .flatMap((path) => specifiers.get(path) ?? [])
      .filter((specifier) => specifier.startsWith(own))
      .map((specifier) => specifier.split('/').slice(0, 2).join('/'));
    const unnamed = [...new Set(imported)].filter((name) => !(name in named) && name !== manifest.name);
    return unnamed.map((name) => `${folder}/package.json: name ${name}, which is imported here`);
  });
  return missing.sort();
}

function importedBy(path: string): string[] {
  const text = readFileSync(join(repository, path), 'utf8');
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

function resolve(specifier: string, from: string): string {
  if (specifier.startsWith('.')) return join(dirname(from), specifier);
  if (!specifier.startsWith(own)) return '';
  const [scope = '', name = '', ...rest] = specifier.split('/');
  const project = folderOf.get(`${scope}/${name}`);
  const target = project?.manifest.exports?.[rest.length === 0 ? '.' : `./${rest.join('/')}`];
  return project === undefined || target === undefined ? '' : join(project.folder, target);
}
