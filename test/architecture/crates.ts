// The crates of native-agent as the tests of this folder read them: the manifest of each and its sources.
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'smol-toml';
import { repository } from './repository.ts';

export type Section = 'dependencies' | 'dev-dependencies' | 'build-dependencies';
export const sections: readonly Section[] = ['dependencies', 'dev-dependencies', 'build-dependencies'];

export interface Source {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

export interface Crate {
  /** Of its folder: `vault` for norn-vault. */
  readonly name: string;
  readonly folder: string;
  readonly dependencies: Readonly<Record<Section, readonly string[]>>;
  readonly sources: readonly Source[];
}

const crateFolder = 'native-agent/crates';

export function sourcesBelow(pattern: string): Source[] {
  const paths = globSync(pattern, { cwd: repository }).sort();
  return paths.map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') }));
}

export const crates: readonly Crate[] = globSync(`${crateFolder}/*/Cargo.toml`, { cwd: repository })
  .sort()
  .map((path) => readCrate(path.slice(0, -'/Cargo.toml'.length)));

function readCrate(folder: string): Crate {
  const manifest = parse(readFileSync(join(repository, folder, 'Cargo.toml'), 'utf8'));
  const named = (section: Section): string[] => Object.keys(manifest[section] ?? {});
  return {
    name: basename(folder),
    folder,
    dependencies: {
      dependencies: named('dependencies'),
      'dev-dependencies': named('dev-dependencies'),
      'build-dependencies': named('build-dependencies'),
    },
    sources: sourcesBelow(`${folder}/**/*.rs`),
  };
}

/** The roots of what is compiled as a crate of its own: library, programs, tests and examples. */
export function rootsOf({ folder, sources }: Crate): Source[] {
  const roots = /^(src\/(lib|main)\.rs|src\/bin\/[^/]+\.rs|(tests|examples)\/([^/]+|[^/]+\/main)\.rs)$/;
  return sources.filter(({ path }) => roots.test(path.slice(folder.length + 1)));
}

/** Without `#[cfg(test)] mod … { … }`: rustfmt closes it at the beginning of a line. */
export function withoutInlineTests(text: string): string {
  return text.replace(/^#\[cfg\(test\)\]\n(?:(?:#\[|\/\/).*\n)*(?:pub(?:\(.*\))? )?mod \w+ \{\n[^]*?^\}\n?/gm, '');
}
