import { add, longest, nothing, tallyCargo, tallyJest, unexcused } from './tally.ts';

const report = (extra: object): string =>
  JSON.stringify({ numPassedTests: 2, numFailedTests: 1, numRuntimeErrorTestSuites: 0, testResults: [], ...extra });

describe('the tally of a test run', () => {
  it('counts a file that could not be loaded as a failure', () => {
    expect(tallyJest(report({ numRuntimeErrorTestSuites: 1 }), false)).toMatchObject({
      passed: 2,
      failed: 2,
      skipped: [],
    });
  });

  it('names what jest skipped, unless a pattern left it out', () => {
    const testResults = [{ assertionResults: [{ fullName: 'a slow one', status: 'pending' }] }];
    expect(tallyJest(report({ testResults }), false).skipped).toEqual(['a slow one']);
    expect(tallyJest(report({ testResults }), true).skipped).toEqual([]);
  });

  it('sums the result lines of all crates', () => {
    const output = [
      'test pack::keeps ... ok',
      'test lease::waits ... ignored, needs root',
      'test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s',
      'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s',
    ].join('\n');
    expect(tallyCargo(output, 101)).toMatchObject({ passed: 4, failed: 2, skipped: [] });
  });

  it('names what failed', () => {
    const lines = [
      'test pack::keeps ... ok',
      'test lease::waits ... FAILED',
      'test result: FAILED. 1 passed; 1 failed;',
    ];
    expect(tallyCargo(lines.join('\n'), 101).failures).toEqual([{ test: 'lease::waits', file: '' }]);
    const assertionResults = [
      { fullName: 'one', status: 'passed' },
      { fullName: 'two', status: 'failed' },
    ];
    const testResults = [
      { name: '/a.spec.ts', status: 'failed', assertionResults },
      { name: '/b.spec.ts', status: 'failed', assertionResults: [] },
    ];
    expect(tallyJest(report({ testResults }), false).failures).toEqual([
      { test: 'two', file: '/a.spec.ts' },
      { test: '', file: '/b.spec.ts' },
    ]);
  });

  it('counts a crate that does not compile as a failure', () => {
    expect(tallyCargo('error[E0432]: unresolved import', 101).failed).toBe(1);
  });

  it('adds runs up', () => {
    const one = { ...nothing, passed: 1, failed: 0, skipped: ['a'], times: [{ name: 'x', ms: 1 }] };
    const other = { ...nothing, passed: 2, failed: 1, skipped: ['b'], times: [{ name: 'y', ms: 2 }] };
    expect(add(one, other)).toEqual({
      ...nothing,
      passed: 3,
      failed: 1,
      skipped: ['a', 'b'],
      times: [...one.times, ...other.times],
    });
  });

  it('says which files took longest', () => {
    const file = (name: string, endTime: number): object => ({ name, startTime: 5, endTime, assertionResults: [] });
    const { times } = tallyJest(report({ testResults: [file('a', 10), file('b', 90), file('c', 20)] }), false);
    expect(longest(times, 2)).toEqual([
      { name: 'b', ms: 85 },
      { name: 'c', ms: 15 },
    ]);
  });

  it('excuses a skipped test by its reason alone', () => {
    const skips = [
      { test: 'a slow', reason: 'takes an hour' },
      { test: 'b', reason: '' },
    ];
    expect(unexcused(['a slow one', 'b', 'c'], skips)).toEqual(['b', 'c']);
  });
});
