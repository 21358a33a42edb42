// The rows of one tenant's rules as an engine, and what is counted over what it finds.
import { type BroughtState, type Rule, RuleEngine, broughtParts } from '@norn/rules';
import type { ImportedRule } from '@norn/store';
import { monotonicNs } from '../costs/monotonic-clock.ts';
import type { BroughtRuleSet } from '../ports/brought-rules.port.ts';

export type BroughtRow = Pick<ImportedRule, 'ruleId' | 'state' | 'file' | 'body'>;

/** Rules that can not fire here, or no longer compile, are left out; the latter are told of. `others` are Norn's own. */
export function broughtRuleSet(
  rows: readonly BroughtRow[],
  others: readonly Rule[],
  refused: (ruleId: string, why: string) => void,
): BroughtRuleSet | undefined {
  const running = rows.flatMap(({ state, ...row }) => (state === 'off' ? [] : [{ ...row, state }]));
  const { rules, correlations } = broughtParts(running, others, refused);
  if (rules.length === 0 && !correlations) return undefined;
  const states = new Map<string, BroughtState>(running.map(({ ruleId, state }) => [ruleId, state]));
  return { engine: new RuleEngine(rules, { clock: monotonicNs }), states, ...(correlations && { correlations }) };
}
