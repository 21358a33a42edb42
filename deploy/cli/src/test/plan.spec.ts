// Which tests a kind, a path or a name chooses.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../installation/installation.ts';
import { kinds, planRuns, type TestRun } from './plan.ts';

/** Kubernetes is among them on a machine that has one. */
const unasked = (pattern?: string): string[] =>
  planRuns(undefined, pattern)
    .filter(({ kind }) => kind !== 'kubernetes')
    .map(line);

const line = ({ runner, args }: TestRun): string => [runner, ...args].join(' ');

describe('a path', () => {
  it('is looked for by jest in each kind that has files, and is nothing for nextest', () => {
    const runs = unasked('console/console');
    expect(runs).toEqual([
      expect.stringMatching(/^jest .*--testPathIgnorePatterns .*\/test\/e2e\/ .*--testPathPatterns console\/console$/),
      expect.stringMatching(/^jest .*--roots test\/e2e --testPathPatterns console\/console$/),
    ]);
  });
});

describe('a name', () => {
  it('is looked for by both runners, the tests of the kernel one after the other', () => {
    expect(unasked('exec')).toEqual([
      expect.stringMatching(/^jest .*--testNamePattern exec$/),
      expect.stringMatching(/^nextest run .* pass exec$/),
      expect.stringMatching(/^nextest run .*--run-ignored only --test-threads 1 exec$/),
      expect.stringMatching(/^jest .*--roots test\/e2e --testNamePattern exec$/),
    ]);
  });
});

describe('without a pattern', () => {
  it('targets of Nx are run, the long ones only when asked for', () => {
    expect(unasked()).toEqual([
      'nx run-many --targets test,build',
      'nx run-many --targets kernel,console --projects native-agent,test',
      'nx run-many --targets e2e,apart --projects test',
    ]);
    expect(planRuns('long', undefined).map(line)).toEqual(['nx run test:long', 'nx run native-agent:long']);
  });

  it('every target is there', () => {
    const targetsOf: Record<string, object | undefined> = {
      test: manifest('test/package.json').nx?.targets,
      'native-agent': manifest('native-agent/project.json').targets,
    };
    const named = [undefined, ...kinds]
      .flatMap((kind) => planRuns(kind, undefined))
      .flatMap(({ args }) => namedIn(args));
    expect(named.length).toBeGreaterThanOrEqual(9);
    for (const [projects = [], target = ''] of named)
      expect([target, projects.some((project) => target in (targetsOf[project] ?? {}))]).toEqual([target, true]);
  });

  it('all together run what each kind alone does', () => {
    const targetsIn = (kind: (typeof kinds)[number] | undefined): string[] =>
      planRuns(kind, undefined).flatMap(({ args }) => namedIn(args).map(([, target]) => target));
    const together = targetsIn(undefined);
    for (const kind of ['unit', 'kernel', 'e2e'] as const)
      expect(together).toEqual(expect.arrayContaining(targetsIn(kind)));
  });
});

/** Projects and target of each, but for those of all projects. */
function namedIn([how, what = '', ...rest]: readonly string[]): [projects: string[], target: string][] {
  const [project = '', only = ''] = what.split(':');
  if (how === 'run') return [[[project], only]];
  const [targets = '', flag, projects] = rest;
  if (flag !== '--projects' || projects === undefined) return [];
  return targets.split(',').map((target) => [projects.split(','), target]);
}

interface Manifest {
  readonly nx?: { readonly targets: object };
  readonly targets?: object;
}

function manifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(repository, path), 'utf8')) as Manifest;
}
