// The budgets of CONTRIBUTING.md for Rust and for the BPF programs. Clippy looks after Rust's functions, ESLint after TypeScript.
import { crates, sourcesBelow, withoutInlineTests, type Crate, type Source } from './crates.ts';

const rustLinesMax = 500;
const crateLinesMax = 5_000;
const programLinesMax = 250;
const functionLinesMax = 120;

/** Tests may be as long as they need, as those of TypeScript; what they share may not. */
function isTest({ path, text }: Source): boolean {
  return /(^|[/_])tests\.rs$/.test(path) || (/\/tests\//.test(path) && /^#\[test\]$/m.test(text));
}

const rust = sourcesBelow('native-agent/{bpf,crates}/**/*.rs').filter((source) => !isTest(source));
/** Programs and what they share; kernel.h and record.h only declare. */
const programs = sourcesBelow('native-agent/bpf/**/*.bpf.[ch]');

const linesOf = (text: string): number => text.split('\n').length - 1;

function over(sources: readonly Source[], linesMax: number): string[] {
  return sources
    .map(({ path, text }) => ({ path, lines: linesOf(withoutInlineTests(text)) }))
    .filter(({ lines }) => lines > linesMax)
    .map(
      ({ path, lines }) => `${path}: ${lines} lines, at most ${linesMax}; give its second concern a file of its own`,
    );
}

/** A function's body begins with a brace alone on its line, as in the kernel, and ends with one at the beginning of a line. */
function longFunctions({ path, text }: Source): string[] {
  return [...text.matchAll(/^(.*)\n\{\n[^]*?^\}$/gm)]
    .map(([whole, head = '']) => ({ head, lines: linesOf(whole) + 1 }))
    .filter(({ lines }) => lines > functionLinesMax)
    .map(({ head, lines }) => `${path}: ${lines} lines, at most ${functionLinesMax}; name its steps: ${head.trim()}`);
}

/** What tests share: a module that is compiled for them alone. */
function isForTests({ path }: Source, sources: readonly Source[]): boolean {
  const name = /([^/]+)\.rs$/.exec(path)?.[1];
  return sources.some(({ text }) => new RegExp(`^#\\[cfg\\(test\\)\\]\nmod ${name};$`, 'm').test(text));
}

function crateLines({ folder, sources }: Crate): number {
  const product = sources.filter(
    (source) => source.path.startsWith(`${folder}/src/`) && !isTest(source) && !isForTests(source, sources),
  );
  return product.reduce((lines, { text }) => lines + linesOf(withoutInlineTests(text)), 0);
}

describe('a crate', () => {
  it(`has at most ${crateLinesMax} lines without its tests`, () => {
    const told = crates
      .map((crate) => ({ crate, lines: crateLines(crate) }))
      .filter(({ lines }) => lines > crateLinesMax)
      .map(({ crate, lines }) => `${crate.folder}: ${lines} lines; give a part that knows nothing of the rest a crate`);
    expect(told).toEqual([]);
  });
});

describe('a file', () => {
  it(`of Rust has at most ${rustLinesMax} lines without its tests`, () => {
    expect(over(rust, rustLinesMax)).toEqual([]);
  });

  it(`of a BPF program has at most ${programLinesMax} lines`, () => {
    expect(over(programs, programLinesMax)).toEqual([]);
  });

  it(`of a BPF program has functions of at most ${functionLinesMax} lines`, () => {
    expect(programs.flatMap(longFunctions)).toEqual([]);
  });
});
