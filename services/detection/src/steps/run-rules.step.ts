// Runs every rule over the batch's columns, Norn's own and those that its tenant brought along, and says what rules cost.
import { Metric, count } from '@norn/telemetry';
import { type Outcome, ok } from '@norn/pipeline';
import { toRuleBatch, type RuleEngine } from '@norn/rules';
import type { RuleCosts } from '../costs/rule-costs.ts';
import type { BroughtRules } from '../ports/brought-rules.port.ts';
import type { HostBatch, JudgedBatch } from './envelope.ts';

export function createRunRules(
  engine: RuleEngine,
  brought: BroughtRules,
  costs: RuleCosts,
): (envelope: HostBatch) => Outcome<JudgedBatch> {
  return function runRules(envelope) {
    const ruleBatch = toRuleBatch(envelope.batch);
    const own = engine.evaluate(ruleBatch);
    const set = brought.of(envelope.tenantId);
    const others = set?.engine.evaluate(ruleBatch) ?? { matches: [], refused: 0 };
    if (own.refused + others.refused > 0) count(Metric.RuleMatchesRefused, own.refused + others.refused);
    for (const { rule } of own.matches) count(Metric.RuleMatches, 1, { rule: rule.id });
    // Their ids are without end.
    if (others.matches.length > 0) count(Metric.RuleMatches, others.matches.length, { rule: 'imported' });
    costs.add('', engine, envelope.batch.eventCount);
    if (set) costs.add(envelope.tenantId, set.engine, envelope.batch.eventCount);
    const matches = [...own.matches, ...others.matches];
    return ok({ ...envelope, ruleBatch, matches, ...(set && { brought: set }) });
  };
}
