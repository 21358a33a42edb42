// Which tests there are, and by which runner each kind is run.
import { join } from 'node:path';
import { processEnvironment } from '@norn/config';
import { repository } from '../up/installation.ts';
import { askedFor, kubernetesIsBuilt } from './kubernetes.ts';

export const kinds = ['unit', 'kernel', 'e2e', 'kubernetes'] as const;
/**
 * unit: beside the sources, with real parts where a stage meets one. kernel: this machine's kernel and container runtime.
 * e2e: a whole installation. kubernetes: both charts on a real cluster, which takes minutes to build the first time.
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
  const wanted = only ? [only] : kinds.filter((kind) => kind !== 'kubernetes' || runsByDefault());
  const runs = wanted.flatMap((kind) => runsOf(kind));
  // A path is one of jest's files; cargo knows tests by name alone.
  const able = pattern?.includes('/') ? runs.filter(({ runner }) => runner === 'jest') : runs;
  return able.map((run) => narrow(run, pattern));
}

/** Not on a machine that would have to build a Kubernetes first, unless somebody asks for it. */
function runsByDefault(): boolean {
  return processEnvironment()[askedFor] !== undefined || kubernetesIsBuilt();
}

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
        ),
        { kind, runner: 'cargo', args: ['test', '--workspace', '--locked', '--no-fail-fast'], cwd: agent },
      ];
    case 'kernel':
      return [
        jest(kind, '--runInBand', '--roots', join(repository, 'test'), '--testPathPatterns', '/test/kernel/'),
        {
          kind,
          runner: 'cargo',
          args: ['test', '--workspace', '--locked', '--no-fail-fast', '--', '--ignored', '--test-threads=1'],
          cwd: agent,
        },
      ];
    case 'e2e':
    case 'kubernetes':
      return [jest(kind, '--runInBand', '--roots', join(repository, 'test'), '--testPathPatterns', `/test/${kind}/`)];
  }
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
