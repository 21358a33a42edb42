// What each crate of the agent stands on: only what it uses, and only what lies below it.
import { crates, rootsOf, sections, type Crate, type Section } from './crates.ts';

const mayStandOn: Readonly<Record<string, readonly string[]>> = {
  ground: [],
  contract: [],
  reader: ['ground', 'contract'],
  standing: ['ground', 'contract', 'reader'],
  record: ['ground', 'contract'],
  watch: ['ground', 'contract', 'record'],
  names: ['ground'],
  restore: ['ground', 'contract', 'record', 'watch', 'names'],
  part: ['ground', 'contract', 'reader', 'standing', 'record', 'watch', 'restore'],
  mode: ['ground', 'contract', 'reader', 'standing', 'record', 'names', 'restore', 'part'],
  agent: ['ground', 'contract', 'reader', 'standing', 'record', 'restore', 'part', 'mode'],
  simulator: [],
};

const reasons: Readonly<Record<string, string>> = {
  ground: 'calls the kernel and knows nothing of what for, so it stands on no crate of ours',
  contract: 'is what parts meet in, and stands on no crate of ours',
  reader: 'finds out what lies on the host and judges nothing: pass what it needs as an argument',
  standing: 'says what a program is and where it came from: whoever asks judges',
  record: 'keeps what it is told, and knows nobody who tells it or asks',
  watch: 'has the kernel tell of files, and decides nothing about them',
  names: 'has names change hands, and knows nothing of what for',
  restore: 'puts back what a record holds, and knows nobody who keeps it',
  part: 'knows no other part: they meet in events, and baldur hands one what it needs of another',
  mode: 'puts parts together for a case of its own, and baldur starts it',
  agent: 'puts everything together but the simulators, which are programs of their own',
  simulator: 'plays an attack with nothing of the agent in it, so that both cannot be wrong in the same way',
};

const layers: Readonly<Record<string, readonly string[]>> = {
  ground: ['os'],
  contract: ['events', 'hook'],
  reader: ['packages', 'insight'],
  standing: ['programs'],
  record: ['journal', 'commands'],
  watch: ['watch'],
  names: ['aside'],
  restore: ['restore'],
  part: ['probe', 'vault', 'policy', 'reflex', 'respond', 'inject', 'tamper'],
  mode: ['inside', 'hooked'],
  agent: ['baldur'],
  simulator: ['attack'],
};

/** Where a package's library has another name than the package. */
const libraries: Readonly<Record<string, string>> = { 'md-5': 'md5' };

/** Of libbpf-sys the build takes the headers (DEP_BPF_INCLUDE in native-agent/bpf/compile.rs), which only a dependency is told of. */
const usedByTheBuild = ['libbpf-sys'];

const places: Readonly<Record<Section, RegExp>> = {
  dependencies: /^src\//,
  'dev-dependencies': /^(src|tests|examples)\//,
  'build-dependencies': /^build\.rs$/,
};

const layerOf = (name: string): string | undefined =>
  Object.keys(layers).find((layer) => layers[layer]?.includes(name));

describe('a crate', () => {
  it('has a layer', () => {
    const without = crates.filter(({ name }) => !layerOf(name));
    expect(without.map(({ name }) => `${name}: give it a layer in test/architecture/crates.test.ts`)).toEqual([]);
  });

  it('stands only on layers below its own', () => {
    expect(crates.flatMap(wrongArrows)).toEqual([]);
  });

  it('names no dependency that it does not use', () => {
    expect(crates.flatMap((crate) => sections.flatMap((section) => unused(crate, section)))).toEqual([]);
  });

  it('forbids unsafe code if it has none', () => {
    const isUnsafe = /\bunsafe (\{|fn|impl|extern|trait)|#!?\[unsafe/;
    const safe = crates.filter(({ sources }) => !sources.some(({ text }) => isUnsafe.test(text)));
    const open = safe.flatMap(rootsOf).filter(({ path, text }) => /\/src\//.test(path) && !text.includes(forbidden));
    expect(open.map(({ path }) => `${path}: its crate has no unsafe code, so write ${forbidden}`)).toEqual([]);
  });
});

const forbidden = '#![forbid(unsafe_code)]';

function wrongArrows({ name, folder, dependencies }: Crate): string[] {
  const layer = layerOf(name) ?? '';
  const own = sections
    .flatMap((section) => dependencies[section])
    .filter((dependency) => dependency.startsWith('norn-'));
  return own
    .map((dependency) => ({ dependency, below: layerOf(dependency.slice('norn-'.length)) ?? 'no layer' }))
    .filter(({ below }) => !mayStandOn[layer]?.includes(below))
    .map(({ dependency, below }) => `${folder} → ${dependency} (${below}): a ${layer} ${reasons[layer] ?? ''}`);
}

function unused({ folder, dependencies, sources }: Crate, section: Section): string[] {
  const text = sources
    .filter(({ path }) => places[section].test(path.slice(folder.length + 1)))
    .map((source) => source.text)
    .join('\n');
  return dependencies[section]
    .filter((name) => !usedByTheBuild.includes(name) && !mentions(text, libraries[name] ?? name.replaceAll('-', '_')))
    .map((name) => `${folder}/Cargo.toml: ${name} in [${section}] is used nowhere; take it out`);
}

function mentions(text: string, library: string): boolean {
  return new RegExp(`\\b${library}::|\\buse ${library}\\b|\\bextern crate ${library}\\b`).test(text);
}
