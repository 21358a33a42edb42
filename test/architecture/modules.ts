// The modules of a crate and what each uses of its siblings, read from `use` and from paths that begin with crate or super.
import { withoutInlineTests, type Crate } from './crates.ts';
import type { Graph } from './circles.ts';

interface Module {
  /** From the root of the crate: `index::names`; empty for the root. */
  readonly name: string;
  /** Taken in by `use`, each in full. */
  readonly taken: readonly string[];
  /** Written out in the code. */
  readonly written: readonly string[];
}

/** `modules.rs` beside a folder of that name, `mod.rs` in it, `lib.rs` and `main.rs` at the root; tests are none. */
export function modulesOf({ folder, sources }: Crate): Map<string, Module> {
  const inside = sources.filter(
    ({ path }) => path.startsWith(`${folder}/src/`) && !/(^|[/_])tests?(ing)?\.rs$/.test(path),
  );
  return new Map(
    inside.map(({ path, text }) => {
      const file = path.slice(`${folder}/src/`.length, -'.rs'.length);
      const name = file.replace(/(^|\/)(mod|lib|main)$/, '').replaceAll('/', '::');
      return [name, { name, ...pathsIn(plainCode(text)) }];
    }),
  );
}

/** Of modules that have the same parent: which of them, or what lies below it, uses which other. */
export function siblingUses(modules: ReadonlyMap<string, Module>): Graph {
  const graph = new Map<string, Set<string>>([...modules.keys()].map((name) => [name, new Set()]));
  for (const { name, taken, written } of modules.values()) {
    for (const path of [...taken, ...written]) {
      const [from, to] = apart(name, resolve(path, name, modules));
      if (from !== '' && to !== '') graph.get(from)?.add(to);
    }
  }
  return graph;
}

/** Where two modules part: the children of the last parent that they have in common; empty when one is above the other. */
function apart(from: string, to: string): [string, string] {
  const [left, right] = [from.split('::'), to.split('::')];
  let same = 0;
  while (same < left.length && left[same] === right[same]) same += 1;
  if (same >= left.length || same >= right.length || from === '' || to === '') return ['', ''];
  return [left.slice(0, same + 1).join('::'), right.slice(0, same + 1).join('::')];
}

/** The module that has what the path names; follows what modules between take in by `use`. */
function resolve(path: string, from: string, modules: ReadonlyMap<string, Module>, depth = 0): string {
  const parts = path.split('::');
  let at = from;
  while (parts[0] === 'crate' || parts[0] === 'super' || parts[0] === 'self') {
    const step = parts.shift();
    if (step === 'crate') at = '';
    if (step === 'super') at = at.split('::').slice(0, -1).join('::');
  }
  for (const [index, part] of parts.entries()) {
    const child = at === '' ? part : `${at}::${part}`;
    if (modules.has(child)) {
      at = child;
      continue;
    }
    const taken = depth < depthMax ? takenAs(part, modules.get(at)) : undefined;
    if (taken === undefined || at === from) return at;
    return resolve([taken, ...parts.slice(index + 1)].join('::'), at, modules, depth + 1);
  }
  return at;
}

/** A name that is taken in from module to module is followed so far. */
const depthMax = 8;

function plainCode(text: string): string {
  return withoutInlineTests(text)
    .replace(/\/\/.*$/gm, '')
    .replace(/^\s*#\[cfg\(test\)\]\n(?:\s*#\[.*\n)*.*[;{]$/gm, '');
}

function takenAs(name: string, module: Module | undefined): string | undefined {
  return module?.taken.find((path) => path.endsWith(`::${name}`));
}

function pathsIn(code: string): Pick<Module, 'taken' | 'written'> {
  const uses = /\buse ([^;]+);/g;
  const taken = [...code.matchAll(uses)].flatMap(([, tree = '']) => flatten(tree.replaceAll(/\s+/g, ' ').trim()));
  const written = [...code.replaceAll(uses, '').matchAll(/\b(?:crate|super)(?:::\w+)+/g)].map(([path]) => path);
  return { taken, written };
}

/** `a::{b, c::{d as e}}` as its paths in full. */
function flatten(tree: string): string[] {
  const brace = tree.indexOf('{');
  if (brace < 0) return [tree.replace(/ as \w+$/, '').replace(/::(\*|self)$/, '')];
  const before = tree.slice(0, brace);
  return branchesOf(tree.slice(brace + 1, tree.lastIndexOf('}'))).flatMap((branch) => flatten(before + branch));
}

function branchesOf(inside: string): string[] {
  const branches: string[] = [];
  let depth = 0;
  let begun = 0;
  for (let at = 0; at <= inside.length; at++) {
    const character = inside[at] ?? ',';
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (character !== ',' || depth > 0) continue;
    branches.push(inside.slice(begun, at).trim());
    begun = at + 1;
  }
  return branches.filter((branch) => branch !== '');
}
