// Tests of exactness, hostile use and rollback carry a mark, and get no second time: what fails there once loses rows, lets somebody in or
// leaves a file. strict.spec.ts lists where it must be.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../installation/installation.ts';
import type { Failure } from './tally.ts';

/** A file of jest's has it as a line of its own in the comment at its head. */
const markOfFile = /^(?:\/\/.*\n)*\/\/ @norn-strict\n/;
/** A test of the agent's has it above its attributes. */
const markOfTest = /^ *\/\/ @norn-strict\n(?: *#\[.*\]\n)+ *fn (\w+)/gm;

export function isStrict({ test, file }: Failure): boolean {
  if (file !== '') return isStrictFile(readFileSync(file, 'utf8'));
  return agentSources().some((source) => strictTests(source).includes(test.split('::').at(-1) ?? ''));
}

export function isStrictFile(source: string): boolean {
  return markOfFile.test(source);
}

/** Names of the tests in a Rust source that carry the mark. */
export function strictTests(source: string): string[] {
  return [...source.matchAll(markOfTest)].map(([, name = '']) => name);
}

function agentSources(): string[] {
  const crates = join(repository, 'native-agent/crates');
  return globSync('*/{src,tests}/**/*.rs', { cwd: crates }).map((path) => readFileSync(join(crates, path), 'utf8'));
}
