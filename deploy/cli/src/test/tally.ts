// Adds up what the runners say: Jest in its JSON report, nextest in JUnit's XML.

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Of the failed ones those that the runner names. */
  readonly failures: readonly Failure[];
  /** Names of tests that failed, and passed when they were run again alone. */
  readonly unstable: readonly string[];
  /** Names of the tests that were not run. */
  readonly skipped: readonly string[];
  /** What was timed: files of tests, whole runs. */
  readonly times: readonly Time[];
}

export interface Failure {
  /** In full; empty for a file that could not be loaded. */
  readonly test: string;
  /** Absolute; empty where the runner finds a test by its name alone. */
  readonly file: string;
}

export interface Time {
  readonly name: string;
  readonly ms: number;
}

export const nothing: Tally = { passed: 0, failed: 0, failures: [], unstable: [], skipped: [], times: [] };

export function add(one: Tally, other: Tally): Tally {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    failures: [...one.failures, ...other.failures],
    unstable: [...one.unstable, ...other.unstable],
    skipped: [...one.skipped, ...other.skipped],
    times: [...one.times, ...other.times],
  };
}

/** Where the time went, the longest first: what to look at when the tests take too long. */
export function longest(times: readonly Time[], most: number): Time[] {
  return times.toSorted((one, other) => other.ms - one.ms).slice(0, most);
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  readonly name: string;
  readonly status?: string;
  readonly startTime: number;
  readonly endTime: number;
  readonly assertionResults: readonly { fullName: string; status: string }[];
}

/** Of a report that was begun and never written: whoever was to write it has died. No test has a name, so none is run again for it. */
export const died: Tally = { ...nothing, failed: 1 };

/** A file that can't be loaded is one failure. `byPattern`: tests that the pattern left out are not skipped ones. */
export function tallyJest(json: string, byPattern: boolean): Tally {
  const report = JSON.parse(json) as JestReport;
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const notRun = tests.filter(({ status }) => status === 'pending' || status === 'todo' || status === 'disabled');
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
    failures: report.testResults.flatMap(failuresOf),
    unstable: [],
    skipped: byPattern ? [] : notRun.map(({ fullName }) => fullName),
    times: report.testResults.map(({ name, startTime, endTime }) => ({ name, ms: endTime - startTime })),
  };
}

function failuresOf({ name: file, status, assertionResults }: FileResult): Failure[] {
  const failed = assertionResults.filter((one) => one.status === 'failed');
  if (failed.length === 0 && status === 'failed') return [{ test: '', file }];
  return failed.map(({ fullName: test }) => ({ test, file }));
}

const testCase = /<testcase name="([^"]*)" classname="([^"]*)"[^>]*?time="([\d.]+)"(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const problem = /<(?:failure|error)[\s>]/;
/** Tests that are ignored are the kernel's: they have a run of their own, so none is left out. Format: https://nexte.st/docs/machine-readable/junit */
export function tallyNextest(xml: string): Tally {
  const cases = [...xml.matchAll(testCase)].map(([, test = '', program = '', seconds = '0', inside = '']) => {
    return { test, program, ms: Number(seconds) * 1000, failed: problem.test(inside) };
  });
  const failures = cases.filter(({ failed }) => failed);
  return {
    ...nothing,
    passed: cases.length - failures.length,
    failed: failures.length,
    failures: failures.map(({ test }) => ({ test, file: '' })),
    times: [...Map.groupBy(cases, ({ program }) => program)].map(([name, all]) => ({
      name,
      ms: all.reduce((sum, { ms }) => sum + ms, 0),
    })),
  };
}

export interface Skip {
  /** The test's full name, or how it begins. */
  readonly test: string;
  readonly reason: string;
}

/** Of the skipped tests, those that no entry with a reason allows. */
export function unexcused(skipped: readonly string[], skips: readonly Skip[]): string[] {
  return skipped.filter((name) => !skips.some(({ test, reason }) => reason !== '' && name.startsWith(test)));
}
