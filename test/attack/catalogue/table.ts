// The catalogue's results for people: a table by technique, and a summary.
import { columns } from '@norn/cli';
import type { TrialResult } from './play-catalogue.ts';
import { attackTechniques } from '@norn/rules';

export interface CatalogueReport {
  readonly results: readonly TrialResult[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function reportOf(results: readonly TrialResult[]): CatalogueReport {
  const count = (wanted: TrialResult['result']): number => results.filter(({ result }) => result === wanted).length;
  const [passed, skipped] = [count('passed'), count('skipped')];
  return { results, passed, skipped, failed: results.length - passed - skipped };
}

export function tableText(report: CatalogueReport): string {
  const header = ['TECHNIQUE', 'ACTION', 'WHERE', 'RULE', 'SEVERITY', 'MS', 'RESULT'];
  return ['', columns([header, ...byTechnique(report.results).flatMap(rowsOf)]), '', summaryOf(report)].join('\n');
}

/** "112 passed, 1 failed, 3 skipped". */
export function summaryOf({ passed, failed, skipped }: CatalogueReport): string {
  const told = `${String(passed)} passed, ${String(failed)} failed`;
  return `${failed === 0 ? '✔' : '✘'} ${told}${skipped > 0 ? `, ${String(skipped)} skipped` : ''}`;
}

function byTechnique(results: readonly TrialResult[]): TrialResult[][] {
  const techniques = [...new Set(results.map(({ technique }) => technique))].sort();
  return techniques.map((technique) => results.filter((result) => result.technique === technique));
}

/** The technique stands in the first of its rows. */
function rowsOf(results: readonly TrialResult[]): string[][] {
  return results.map((result, at) => [
    at === 0 ? `${result.technique} ${attackTechniques[result.technique] ?? ''}` : '',
    result.action,
    result.place,
    result.rule,
    result.severity || '–',
    result.ms > 0 ? String(result.ms) : '–',
    result.note ? `${result.result}: ${result.note}` : result.result,
  ]);
}
