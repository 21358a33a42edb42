import { add, longest, nothing, tallyJest, tallyNextest, unexcused } from './tally.ts';

const report = (extra: object): string =>
  JSON.stringify({ numPassedTests: 2, numFailedTests: 1, numRuntimeErrorTestSuites: 0, testResults: [], ...extra });

/** As nextest writes it. */
const xml = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" skipped="0" failures="1" errors="0" uuid="1fdce7c4" timestamp="2026-12-01T00:51:59.782+00:00" time="2.333">
    <testsuite name="norn-vault" tests="2" skipped="0" errors="0" failures="1">
        <testcase name="pack::keeps" classname="norn-vault" timestamp="2026-12-01T00:51:59.783+00:00" time="0.500"/>
        <testcase name="lease::waits" classname="norn-vault" timestamp="2026-12-01T00:51:59.783+00:00" time="1.000">
            <failure message="thread panicked" type="test failure with exit code 101">a &lt; b</failure>
        </testcase>
    </testsuite>
    <testsuite name="norn-vault::ways" tests="1" skipped="0" errors="0" failures="0">
        <testcase name="splice" classname="norn-vault::ways" timestamp="2026-12-01T00:51:59.783+00:00" time="2.000"/>
    </testsuite>
</testsuites>`;

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

  it('counts the tests of all programs, and how long each program took', () => {
    expect(tallyNextest(xml)).toMatchObject({
      passed: 2,
      failed: 1,
      failures: [{ test: 'lease::waits', file: '' }],
      skipped: [],
      times: [
        { name: 'norn-vault', ms: 1500 },
        { name: 'norn-vault::ways', ms: 2000 },
      ],
    });
  });

  it('names what failed', () => {
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
