// Which rules of a folder the sensor can serve, and what it lacks for the others.
import { messageOf } from '@norn/base';
import { blindSpots, coverageOf, readRules, type BlindCause, type Lack, type RuleCoverage } from '@norn/rules';
import { columns } from '../../print/columns.ts';
import { readRuleFiles } from '../../replay/rule-files.ts';

export interface CoveredRule {
  readonly id: string;
  readonly title: string;
  readonly file: string;
  readonly level: string;
  readonly extent: RuleCoverage['extent'];
  readonly lacks: readonly Lack[];
}

export interface CoverageReport {
  readonly total: number;
  readonly byExtent: Readonly<Record<RuleCoverage['extent'], number>>;
  readonly rules: readonly CoveredRule[];
  /** What is lacking, with the titles of the rules that ask for it. */
  readonly blindSpots: readonly (Lack & { readonly rules: readonly string[] })[];
  /** How many rules can not run, or not wholly, for each cause. */
  readonly byCause: Readonly<Record<BlindCause, number>>;
  /** Files that are no rules, with line and cure. */
  readonly refused: readonly string[];
}

/** Throws when the folder can not be read. */
export async function rulesCoverage(dir: string): Promise<CoverageReport> {
  const coverages: RuleCoverage[] = [];
  const refused: string[] = [];
  for (const file of await readRuleFiles(dir)) {
    try {
      coverages.push(...readRules([file]).rules.map(coverageOf));
    } catch (error) {
      refused.push(messageOf(error));
    }
  }
  const withExtent = (extent: RuleCoverage['extent']): number =>
    coverages.filter((each) => each.extent === extent).length;
  const withCause = (cause: BlindCause): number =>
    coverages.filter(({ lacks }) => lacks.some((lack) => lack.cause === cause)).length;
  return {
    total: coverages.length + refused.length,
    byExtent: { whole: withExtent('whole'), part: withExtent('part'), none: withExtent('none') },
    rules: coverages.map(coveredRule),
    blindSpots: blindSpots(coverages).map((spot) => ({ ...spot, rules: spot.rules.map(({ title }) => title) })),
    byCause: { 'log source': withCause('log source'), field: withCause('field'), value: withCause('value') },
    refused,
  };
}

function coveredRule({ rule, extent, lacks }: RuleCoverage): CoveredRule {
  const { id, title, file, level } = rule;
  return { id, title, file, level, extent, lacks };
}

/** For a terminal. */
export function coverageText({ total, byExtent, rules, blindSpots, byCause, refused }: CoverageReport): string {
  const listed = (extent: RuleCoverage['extent'], sign: string): string[] =>
    rules
      .filter((rule) => rule.extent === extent)
      .map(({ title, level, lacks }) => `${sign} ${title} (${level})${lacksText(lacks)}`);
  const causes = blindSpots.map(({ cause, what, why, rules }) => [cause, what, String(rules.length), why]);
  return [
    ...listed('whole', '✓'),
    ...listed('part', '◐'),
    ...listed('none', '✗'),
    ...refused.map((error) => `✘ ${error}`),
    '',
    ...(causes.length > 0 ? [columns([['CAUSE', 'WHAT', 'RULES', 'WHY'], ...causes]), ''] : []),
    `${total} rules: ${byExtent.whole} run here, ${byExtent.part} in part, ${byExtent.none} not, ${refused.length} are not valid`,
    `not seen: a log source of ${byCause['log source']}, a field of ${byCause.field}, a value of ${byCause.value}`,
  ].join('\n');
}

function lacksText(lacks: readonly Lack[]): string {
  return lacks.length === 0 ? '' : `: not seen: ${lacks.map(({ what }) => what).join(', ')}`;
}
