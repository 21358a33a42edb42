// Which tests there are, and by which runner each kind is run.
import { join } from 'node:path';
import { processEnvironment } from '@norn/config';
import { repository } from '../up/installation.ts';
import { askedFor, kubernetesIsBuilt } from './kubernetes.ts';
import type { Failure } from './tally.ts';

export const kinds = ['unit', 'kernel', 'e2e', 'kubernetes', 'long'] as const;
/**
 * unit: beside the sources, with real parts where a stage meets one. kernel: this machine's kernel and container runtime.
 * e2e: a whole installation. kubernetes: both charts on a real cluster, which takes minutes to build the first time.
 * long: proofs that take minutes each, many turns of what the others try a few times; run when asked for alone.
 */
export type Kind = (typeof kinds)[number];

export interface TestRun {
  readonly kind: Kind;
  readonly runner: 'jest' | 'cargo';
  readonly args: readonly string[];
  readonly cwd: string;
}

const agent = join(repository, 'native-agent');
/** Of a machine with two cores: one file starts a broker while another computes. */
const unitWorkers = 2;

/** In run order: what is quick to fail is run first. */
export function planRuns(only: Kind | undefined, pattern: string | undefined): TestRun[] {
  const wanted = only ? [only] : kinds.filter(runsByDefault);
  const runs = wanted.flatMap((kind) => runsOf(kind));
  // A path is one of jest's files; cargo knows tests by name alone.
  const able = pattern?.includes('/') ? runs.filter(({ runner }) => runner === 'jest') : runs;
  return able.map((run) => narrow(run, pattern));
}

/** Not a Kubernetes on a machine that would have to build it first, unless somebody asks for it. */
function runsByDefault(kind: Kind): boolean {
  if (kind === 'kubernetes') return processEnvironment()[askedFor] !== undefined || kubernetesIsBuilt();
  return kind !== 'long';
}

/** How the name of a test in Rust begins that is one of the long ones. */
const longTest = 'long_';

function runsOf(kind: Kind): TestRun[] {
  switch (kind) {
    case 'unit':
      return [
        jest(
          kind,
          '--maxWorkers',
          String(unitWorkers),
          '--testPathIgnorePatterns',
          '/node_modules/',
          '/services/console/',
          '/test/kernel/',
          '/test/e2e/',
          '/test/kubernetes/',
          '/test/long/',
        ),
        { kind, runner: 'cargo', args: ['test', '--workspace', '--locked', '--no-fail-fast'], cwd: agent },
      ];
    case 'kernel':
      return [inOrder(kind), ignored(kind, [], ['--skip', longTest])];
    case 'e2e':
    case 'kubernetes':
      return [inOrder(kind)];
    case 'long':
      return [inOrder(kind), ignored(kind, [longTest], [])];
  }
}

/** The files of a kind's own folder, one after the other. */
function inOrder(kind: Kind): TestRun {
  return jest(kind, '--runInBand', '--roots', join(repository, 'test'), '--testPathPatterns', `/test/${kind}/`);
}

/** What the agent's tests do to this kernel: `cargo test` leaves it out unless asked, and it is done one after the other. */
function ignored(kind: Kind, chosen: readonly string[], options: readonly string[]): TestRun {
  const how = ['--', '--ignored', '--test-threads=1', ...options];
  return {
    kind,
    runner: 'cargo',
    args: ['test', ...chosen, '--workspace', '--locked', '--no-fail-fast', ...how],
    cwd: agent,
  };
}

/** The run of one test that failed; undefined for one of which a single failure is one too many. */
export function planAgain(run: TestRun, { test, file }: Failure): TestRun | undefined {
  if (strict.some((one) => one.test(file === '' ? test : file))) return undefined;
  if (run.runner === 'jest') return { ...run, args: againByJest(test, file) };
  const [options, how] = splitAt(run.args, '--');
  const kept = options.filter((option) => option === 'test' || option.startsWith('--'));
  return {
    ...run,
    args: [...kept, test, '--', '--exact', ...how.filter((word) => word !== '--skip' && word !== longTest)],
  };
}

/** Exactness, hostile use and rollback: what fails there once loses rows, lets somebody in or leaves a file. */
const strict = [
  /test\/(stages|bus|stores|remediation|fuzz|long|migrations)\//,
  /(^|::|_)(races|races?_|undo|undone|rollback|forged|hostile|privileged)/,
];

function againByJest(test: string, file: string): string[] {
  const name = test === '' ? [] : ['--testNamePattern', `^${test.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')}$`];
  return ['--runInBand', '--runTestsByPath', file, ...name];
}

function splitAt(args: readonly string[], mark: string): [string[], string[]] {
  const at = args.indexOf(mark);
  return at < 0 ? [[...args], []] : [args.slice(0, at), args.slice(at + 1)];
}

function jest(kind: Kind, ...args: string[]): TestRun {
  return { kind, runner: 'jest', args: ['--passWithNoTests', ...args], cwd: repository };
}

// A pattern is a part of a file's path for jest, a part of a test's name for both.
function narrow(run: TestRun, pattern: string | undefined): TestRun {
  if (!pattern) return run;
  if (run.runner === 'jest') {
    const args = pattern.includes('/') ? withPath(run.args, pattern) : [...run.args, '--testNamePattern', pattern];
    return { ...run, args };
  }
  const [command = 'test', ...rest] = run.args;
  return { ...run, args: [command, pattern, ...rest] };
}

function withPath(args: readonly string[], path: string): string[] {
  const index = args.indexOf('--testPathPatterns');
  if (index < 0) return [...args, '--testPathPatterns', path];
  // Both, wherever each lies: a path as git shows it begins with the folder of its kind.
  return [...args.slice(0, index + 1), `^(?=.*${args[index + 1] ?? ''}).*${path}`, ...args.slice(index + 2)];
}
