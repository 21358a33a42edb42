// Adds up what the runners say: Jest in its JSON report, cargo in its lines.

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Names of the tests that were not run. */
  readonly skipped: readonly string[];
}

export const nothing: Tally = { passed: 0, failed: 0, skipped: [] };

export function add(one: Tally, other: Tally): Tally {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: [...one.skipped, ...other.skipped],
  };
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly { assertionResults: readonly { fullName: string; status: string }[] }[];
}

/** A file that can't be loaded is one failure. `byPattern`: tests that the pattern left out are not skipped ones. */
export function tallyJest(json: string, byPattern: boolean): Tally {
  const report = JSON.parse(json) as JestReport;
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const notRun = tests.filter(({ status }) => status === 'pending' || status === 'todo' || status === 'disabled');
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
    skipped: byPattern ? [] : notRun.map(({ fullName }) => fullName),
  };
}

const resultLine = /^test result: \w+\. (\d+) passed; (\d+) failed;/gm;
/** Tests that cargo ignores are the kernel's: they have a run of their own, so none is left out. */
export function tallyCargo(output: string, exitCode: number): Tally {
  const results = [...output.matchAll(resultLine)];
  const sum = (group: number): number => results.reduce((total, match) => total + Number(match[group]), 0);
  const failed = sum(2);
  // What does not compile, or dies, has no line of its own.
  return { passed: sum(1), failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped: [] };
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
