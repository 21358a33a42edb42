// Runs every rule over the batch's columns.
import { Metric, count } from '@norn/telemetry';
import { type Outcome, ok } from '@norn/pipeline';
import type { RuleEngine } from '@norn/rules';
import type { HostBatch, JudgedBatch } from './envelope.ts';
import { toRuleBatch } from './rule-batch.ts';

export function createRunRules(engine: RuleEngine): (envelope: HostBatch) => Outcome<JudgedBatch> {
  return function runRules(envelope) {
    const { matches, refused } = engine.evaluate(toRuleBatch(envelope.batch));
    if (refused > 0) count(Metric.RuleMatchesRefused, refused);
    for (const { rule } of matches) count(Metric.RuleMatches, 1, { rule: rule.id });
    return ok({ ...envelope, matches });
  };
}
