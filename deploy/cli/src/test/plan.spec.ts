// Which files of tests a path chooses.
import { planRuns } from './plan.ts';

/** Those of jest's runs whose pattern of paths a file fits; a run without one takes any. */
const runsOf = (pattern: string, file: string): string[] =>
  planRuns(undefined, pattern)
    .filter(({ args }) => new RegExp(args[args.indexOf('--testPathPatterns') + 1] ?? '').test(file))
    .map(({ kind }) => kind);

describe('a path', () => {
  const file = '/norn/test/e2e/console/console.test.ts';

  it.each(['console/console', 'test/e2e/console/console.test.ts', '/e2e/'])('%s finds the file in its kind', (path) => {
    expect(runsOf(path, file)).toEqual(['unit', 'e2e']);
  });

  it('finds nothing of another folder', () => {
    expect(runsOf('test/stores/', file)).toEqual([]);
  });

  it('is nothing for cargo', () => {
    expect(planRuns(undefined, 'a/b').filter(({ runner }) => runner === 'cargo')).toEqual([]);
  });
});

describe('the long proofs', () => {
  const files = ({ args }: { args: readonly string[] }): string => args.join(' ');

  it('are run alone, by both runners', () => {
    const runs = planRuns('long', undefined);
    expect(runs.map(({ runner }) => runner)).toEqual(['jest', 'cargo']);
    expect(files(runs[0] ?? { args: [] })).toContain('--testPathPatterns /test/long/');
    expect(files(runs[1] ?? { args: [] })).toMatch(/^test long_ .*--ignored/);
  });

  it('are no part of the tests that run unasked', () => {
    const runs = planRuns(undefined, undefined);
    expect(runs.some(({ kind }) => kind === 'long')).toBe(false);
    expect(runs.filter(({ args }) => args.includes('--ignored')).map(files)).toEqual([
      expect.stringContaining('--skip long_'),
    ]);
    expect(files(runs[0] ?? { args: [] })).toContain('/test/long/');
  });
});
