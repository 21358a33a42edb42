// The modules of a crate and what each uses of the others, read from `use`, from paths in the code and from methods called on self.
import { withoutInlineTests, type Crate } from './crates.ts';
import type { Graph } from './circles.ts';
import { methodsCalled } from './methods.ts';

interface Module {
  /** From the root of the crate: `index::names`; empty for the root. */
  readonly name: string;
  /** Taken in by `use`. */
  readonly taken: readonly Taken[];
  /** All else, with neither comments nor tests. */
  readonly code: string;
}

interface Taken {
  /** In full, as it is written: `super::names::Names`, `super::names::*`. */
  readonly path: string;
  /** What it is called here. */
  readonly as: string;
  /** By `pub use`: maybe only for others. */
  readonly shown: boolean;
}

type Modules = ReadonlyMap<string, Module>;

/** `modules.rs` beside a folder of that name, `mod.rs` in it, `lib.rs` and `main.rs` at the root; tests are none. */
export function modulesOf({ folder, sources }: Crate): Map<string, Module> {
  const inside = sources.filter(
    ({ path }) => path.startsWith(`${folder}/src/`) && !/(^|[/_])tests?(ing)?(\.rs$|\/)/.test(path),
  );
  return new Map(
    inside.map(({ path, text }) => {
      const file = path.slice(`${folder}/src/`.length, -'.rs'.length);
      const name = file.replace(/(^|\/)(mod|lib|main)$/, '').replaceAll('/', '::');
      return [name, { name, ...readModule(plainCode(text)) }];
    }),
  );
}

/**
 * Who uses whom. Modules in different folders count as their folders, which are the modules above them. Of a module and one above it:
 * the lower uses the upper by what is written in the upper itself, the upper the lower by its own code, not by what it only shows.
 */
export function usesOf(modules: Modules): Graph {
  const graph = new Map<string, Set<string>>([...modules.keys()].map((name) => [name, new Set()]));
  const add = (user: string, used: string): void => {
    const [from, to] = apart(user, used);
    if (from !== to) graph.get(from)?.add(to);
  };
  for (const module of modules.values()) {
    for (const path of pathsUsed(module, modules)) add(module.name, resolve(path, module.name, modules));
  }
  const typeOf = (name: string, at: string): string => {
    const path = modules.get(at)?.taken.find(({ as }) => as === name)?.path;
    return `${path === undefined ? at : resolve(path, at, modules)}::${name}`;
  };
  for (const [from, to] of methodsCalled([...modules.values()], typeOf)) add(from, to);
  return graph;
}

/** What the code names of other modules; what is shown to others is none of it. */
function pathsUsed({ name, taken, code }: Module, modules: Modules): string[] {
  const children = [...modules.keys()].filter((other) => other !== '' && parentOf(other) === name).map(lastOf);
  const rooms = taken.filter(({ path }) => isModule(path, name, modules));
  const items = taken.filter((each) => !rooms.includes(each) && (!each.shown || mentions(code, each.as)));
  const prefixes = [
    ...['crate', 'super', 'self', ...children].map((as) => ({ path: as, as })),
    ...rooms.filter(({ as }) => !children.includes(as)),
  ];
  const written = prefixes.flatMap(({ path, as }) =>
    [...code.matchAll(new RegExp(`(?<![\\w:])${as}((?:::\\w+)+)`, 'g'))].map(([, rest = '']) => path + rest),
  );
  return [...items.map(({ path }) => path), ...written];
}

function mentions(code: string, name: string): boolean {
  return new RegExp(`\\b${name}\\b`).test(code);
}

/** Where two modules part: the children of the last parent that they have in common, or one of them, when it is above the other. */
function apart(from: string, to: string): [string, string] {
  const [left, right] = [stepsOf(from), stepsOf(to)];
  let same = 0;
  while (same < left.length && left[same] === right[same]) same += 1;
  return [left.slice(0, same + 1).join('::'), right.slice(0, same + 1).join('::')];
}

const stepsOf = (name: string): string[] => (name === '' ? [] : name.split('::'));
const parentOf = (name: string): string => stepsOf(name).slice(0, -1).join('::');
const lastOf = (name: string): string => stepsOf(name).at(-1) ?? '';

/** The module that has what the path names; follows what modules between take in by `use`. */
function resolve(path: string, from: string, modules: Modules, depth = 0): string {
  const [at, parts] = descend(path, from, modules);
  const [part, ...rest] = parts;
  if (part === undefined || at === from || depth > depthMax) return at;
  for (const { path: taken, as } of modules.get(at)?.taken ?? []) {
    if (as === part) return resolve([taken, ...rest].join('::'), at, modules, depth + 1);
  }
  return at;
}

/** Down from module to module as far as the path goes, and what of it is left. */
function descend(path: string, from: string, modules: Modules): [string, string[]] {
  const parts = path.split('::');
  let at = from;
  while (parts[0] === 'crate' || parts[0] === 'super' || parts[0] === 'self') {
    const step = parts.shift();
    if (step === 'crate') at = '';
    if (step === 'super') at = parentOf(at);
  }
  for (let child = below(at, parts[0]); modules.has(child) && child !== at; child = below(at, parts[0])) {
    at = child;
    parts.shift();
  }
  return [at, parts];
}

const below = (at: string, part = ''): string => (at === '' ? part : part === '' ? at : `${at}::${part}`);

function isModule(path: string, from: string, modules: Modules): boolean {
  const [at, left] = descend(path, from, modules);
  return left.length === 0 && at !== from;
}

/** A name that is taken in from module to module is followed so far. */
const depthMax = 8;

function plainCode(text: string): string {
  return withoutInlineTests(text)
    .replace(/\/\/.*$/gm, '')
    .replace(/^\s*#\[cfg\(test\)\]\n(?:\s*#\[.*\n)*.*[;{]$/gm, '');
}

function readModule(code: string): Pick<Module, 'taken' | 'code'> {
  const uses = /^\s*(pub(?:\([^)]*\))? )?use ([^;]+);/gm;
  const taken = [...code.matchAll(uses)].flatMap(([, shown, tree = '']) =>
    flatten(tree.replaceAll(/\s+/g, ' ').trim()).map((written) => {
      const [path = '', as = lastOf(path)] = written.split(' as ');
      return { path, as, shown: shown !== undefined };
    }),
  );
  return { taken, code: code.replaceAll(uses, '') };
}

/** `a::{b, c::{d as e}}` as its paths in full. */
function flatten(tree: string): string[] {
  const brace = tree.indexOf('{');
  if (brace < 0) return [tree.replace(/::self\b/, '')];
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
