// Which tests there are, and by which runner each kind is run.
import { join } from 'node:path';
import { processEnvironment } from '@norn/config';
import { repository } from '../installation/installation.ts';
import { askedFor, kubernetesIsBuilt } from './kubernetes.ts';
import { isStrict } from './strict.ts';
import type { Failure } from './tally.ts';

/** In the order in which they are run: what is quick to fail is run first. */
export const kinds = ['unit', 'kernel', 'e2e', 'kubernetes', 'long'] as const;
/**
 * unit: beside the sources, with real parts where a stage meets one. kernel: this machine's kernel and container runtime.
 * e2e: a whole installation. kubernetes: both charts on a real cluster, which takes minutes to build the first time.
 * long: proofs that take minutes each, many turns of what the others try a few times; run when asked for alone.
 */
export type Kind = (typeof kinds)[number];

export interface TestRun {
  readonly kind: Kind;
  readonly runner: 'nx' | 'jest' | 'nextest';
  readonly args: readonly string[];
  readonly cwd: string;
}

/** The targets of each kind, as Nx runs them. */
const targets: Readonly<Record<Kind, readonly (readonly string[])[]>> = {
  // Where they wait, the agent that the next kinds need is built: it gives way to all others.
  unit: [['run-many', '--targets', 'test,build']],
  // The console has no agent that could disturb the kernel's tests.
  kernel: [['run-many', '--targets', 'kernel,console', '--projects', 'native-agent,test']],
  // What has no agent of this host is tried beside what has one: both wait for much.
  e2e: [['run-many', '--targets', 'e2e,apart', '--projects', 'test']],
  kubernetes: [['run', 'test:kubernetes']],
  long: [
    ['run', 'test:long'],
    ['run', 'native-agent:long'],
  ],
};

/** Where a kind that is asked for alone is not what is run of it among all. */
const alone: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  kernel: ['run', 'native-agent:kernel'],
  e2e: ['run-many', '--targets', 'e2e,apart,console', '--projects', 'test'],
};

/** Without a pattern the targets of Nx; with one the runners themselves, which know files and names of tests. */
export function planRuns(only: Kind | undefined, pattern: string | undefined): TestRun[] {
  if (pattern === undefined)
    return only ? whole(only, alone[only]) : kinds.filter(runsByDefault).flatMap((kind) => whole(kind));
  return (only ? [only] : kinds.filter(runsByDefault)).flatMap((kind) => chosen(kind, pattern));
}

/** Not a Kubernetes on a machine that would have to build it first, unless somebody asks for it. */
function runsByDefault(kind: Kind): boolean {
  if (kind === 'kubernetes') return processEnvironment()[askedFor] !== undefined || kubernetesIsBuilt();
  return kind !== 'long';
}

function whole(kind: Kind, called?: readonly string[]): TestRun[] {
  return (called ? [called] : targets[kind]).map((args) => ({ kind, runner: 'nx', args, cwd: repository }));
}

/** A pattern is a part of a file's path for jest, a part of a test's name for both. */
function chosen(kind: Kind, pattern: string): TestRun[] {
  const isPath = pattern.includes('/');
  const files = filesOf[kind];
  const byJest = files ? [jest(kind, ...files, isPath ? '--testPathPatterns' : '--testNamePattern', pattern)] : [];
  // A path is one of jest's files; nextest knows tests by name alone.
  return [...byJest, ...(isPath || !isAgents(kind) ? [] : [nextest(kind, pattern)])];
}

const isAgents = (kind: Kind): boolean => kind === 'unit' || kind === 'kernel' || kind === 'long';

/** How jest is told which files are of a kind; the kernel's tests are the agent's alone. */
const filesOf: Readonly<Record<Kind, readonly string[] | undefined>> = {
  unit: ['--testPathIgnorePatterns', '/node_modules/', '/test/e2e/', '/test/kubernetes/', '/test/long/'],
  kernel: undefined,
  e2e: ['--roots', 'test/e2e'],
  kubernetes: ['--roots', 'test/kubernetes'],
  long: ['--roots', 'test/long'],
};

/** The run of one test that failed; undefined for one of which a single failure is one too many. */
export function planAgain(kind: Kind, failure: Failure): TestRun | undefined {
  if (isStrict(failure)) return undefined;
  const { test, file } = failure;
  if (file === '') return nextest(kind, '-E', `test(=${test})`);
  const name = test === '' ? [] : ['--testNamePattern', `^${test.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')}$`];
  return jest(kind, '--runTestsByPath', file, ...name);
}

function jest(kind: Kind, ...args: string[]): TestRun {
  return { kind, runner: 'jest', args: ['--passWithNoTests', '--runInBand', ...args], cwd: repository };
}

/** What the agent's tests do to this kernel is ignored unless asked for, and done one after the other. */
function nextest(kind: Kind, ...args: string[]): TestRun {
  const ignored = kind === 'unit' ? [] : ['--run-ignored', 'only', '--test-threads', '1'];
  const run = ['run', '--workspace', '--locked', '--no-tests', 'pass'];
  return { kind, runner: 'nextest', args: [...run, ...ignored, ...args], cwd: join(repository, 'native-agent') };
}
