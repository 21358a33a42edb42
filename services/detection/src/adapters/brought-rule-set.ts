// The rows of one tenant's rules as an engine.
import { messageOf } from '@norn/base';
import { type Rule, RuleEngine, coverageOf, parseRule } from '@norn/rules';
import type { ImportedRule } from '@norn/store';
import type { BroughtRuleSet, BroughtState } from '../ports/brought-rules.port.ts';

export type BroughtRow = Pick<ImportedRule, 'ruleId' | 'state' | 'file' | 'body'>;

/** Rules that can not fire here, or no longer compile, are left out; the latter are told of. */
export function broughtRuleSet(
  rows: readonly BroughtRow[],
  refused: (ruleId: string, why: string) => void,
): BroughtRuleSet | undefined {
  const states = new Map<string, BroughtState>();
  const rules: Rule[] = [];
  for (const row of rows) {
    const rule = readRow(row, refused);
    if (!rule || row.state === 'off') continue;
    rules.push(rule);
    states.set(row.ruleId, row.state);
  }
  return rules.length === 0 ? undefined : { engine: new RuleEngine(rules), states };
}

function readRow({ ruleId, file, body }: BroughtRow, refused: (ruleId: string, why: string) => void): Rule | undefined {
  try {
    const rule = { ...parseRule(file, body), id: ruleId };
    return coverageOf(rule).extent === 'none' ? undefined : rule;
  } catch (error) {
    refused(ruleId, messageOf(error));
    return undefined;
  }
}
