// One kernel behaviour, one tiny program that does it, one test of the same name.
import { basename } from 'node:path';
import { sourcesBelow } from './crates.ts';

/** Hands a call on to the program of its number: each test of those is one of it. */
const testedByAllOthers = ['syscall_exit'];

const programs = sourcesBelow('native-agent/bpf/programs/*.bpf.c').map(({ path }) => basename(path, '.bpf.c'));
const tests = sourcesBelow('native-agent/crates/*/tests/kernel/*.rs').filter(({ text }) => text.includes('#[test]'));
const tested = new Set(tests.map(({ path }) => basename(path, '.rs')));

describe('a BPF program', () => {
  it('has a test of its name, on a real kernel', () => {
    const without = programs.filter((name) => !tested.has(name) && !testedByAllOthers.includes(name));
    const place = 'write a program of a few lines that does it, and what is then told, in a crate: tests/kernel';
    expect(without.map((name) => `native-agent/bpf/programs/${name}.bpf.c: ${place}/${name}.rs`)).toEqual([]);
  });

  it('is left out here only while it is there', () => {
    expect(programs).toEqual(expect.arrayContaining(testedByAllOthers));
  });
});
