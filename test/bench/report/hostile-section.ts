// The scoreboard of hostile use, as a table.
import type { Tally } from '@norn/cli';
import { markdownTable } from './markdown.ts';

/** Of test/hostile/README.md. */
export const waysTotal = 25;

export interface LineResult {
  readonly what: string;
  readonly aim: string;
  /** Undefined: nobody tests it yet. */
  readonly tally: Pick<Tally, 'passed' | 'failed' | 'failures'> | undefined;
  /** Numbers of the list of ways, each with a part of the name of the test that does it. */
  readonly ways?: readonly (readonly [number, string])[];
}

export function hostileSection(results: readonly LineResult[]): string {
  return markdownTable([
    ['', 'Aim', 'Found', 'Tests'],
    ...results.map((line) => [line.what, line.aim, foundOf(line), testsOf(line)]),
  ]);
}

function foundOf({ aim, tally, ways }: LineResult): string {
  if (tally === undefined) return 'not tested';
  if (ways) {
    const hasFailed = (name: string): boolean => tally.failures.some(({ test }) => test.includes(name));
    // A file that could not be loaded names no test: then nothing was told.
    const isNamed = tally.failures.every(({ test }) => test !== '') && tally.failures.length === tally.failed;
    const told = isNamed ? ways.filter(([, name]) => !hasFailed(name)) : [];
    return `${String(new Set(told.map(([way]) => way)).size)} of ${String(waysTotal)}`;
  }
  return tally.failed === 0 ? aim : `✘ ${String(tally.failed)}`;
}

function testsOf({ tally }: LineResult): string {
  return tally === undefined ? '–' : `${String(tally.passed)} of ${String(tally.passed + tally.failed)}`;
}
