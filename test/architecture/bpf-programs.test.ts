// One kernel behaviour, one tiny program that does it, one test of the same name.
import { basename } from 'node:path';
import { sourcesBelow, type Source } from './crates.ts';

/** Hands a call on to the program of its number: each test of those is one of it. */
const testedByAllOthers = ['syscall_exit'];

const sources = sourcesBelow('native-agent/bpf/programs/*.bpf.c');
const programs = sources.map(({ path }) => basename(path, '.bpf.c'));
const tests = sourcesBelow('native-agent/crates/*/tests/kernel/*.rs').filter(({ text }) => text.includes('#[test]'));
const tested = new Set(tests.map(({ path }) => basename(path, '.rs')));

/** Where each function that programs share is defined. */
const headers = sourcesBelow('native-agent/bpf/include/*.h').map(({ path, text }) => ({
  name: `../include/${basename(path)}`,
  defined: new Set([...text.matchAll(/\b(\w+__\w+)\([^;{}]*\)\n\{/g)].map(([, name]) => name)),
}));

/** Functions are called `subject__verb`. */
function notIncluded({ path, text }: Source): string[] {
  const included = new Set([...text.matchAll(/^#include "(.*)"/gm)].map(([, name]) => name));
  const called = new Set([...text.matchAll(/\b(\w+__\w+)\(/g)].map(([, name]) => name));
  return headers
    .filter(({ name, defined }) => !included.has(name) && [...called].some((one) => defined.has(one)))
    .map(({ name }) => `${path}: write #include "${name}", which has what it calls: an editor opens it by itself`);
}

describe('a BPF program', () => {
  it('includes what it calls', () => {
    expect(sources.flatMap(notIncluded)).toEqual([]);
  });

  it('has a test of its name, on a real kernel', () => {
    const without = programs.filter((name) => !tested.has(name) && !testedByAllOthers.includes(name));
    const place = 'write a program of a few lines that does it, and what is then told, in a crate: tests/kernel';
    expect(without.map((name) => `native-agent/bpf/programs/${name}.bpf.c: ${place}/${name}.rs`)).toEqual([]);
  });

  it('is left out here only while it is there', () => {
    expect(programs).toEqual(expect.arrayContaining(testedByAllOthers));
  });
});
