// Runs every rule over the batch's columns, Norn's own and those that its tenant brought along, and says what rules cost.
import { Metric, count, createLogger } from '@norn/telemetry';
import { type Outcome, ok } from '@norn/pipeline';
import { toRuleBatch, type RuleEngine } from '@norn/rules';
import { limits } from '../limits.ts';
import type { BroughtRules } from '../ports/brought-rules.port.ts';
import type { HostBatch, JudgedBatch } from './envelope.ts';

export function createRunRules(
  engine: RuleEngine,
  brought: BroughtRules,
): (envelope: HostBatch) => Outcome<JudgedBatch> {
  const costs = new CostReport(engine);
  return function runRules(envelope) {
    const ruleBatch = toRuleBatch(envelope.batch);
    const own = engine.evaluate(ruleBatch);
    const set = brought.of(envelope.tenantId);
    const others = set?.engine.evaluate(ruleBatch) ?? { matches: [], refused: 0 };
    if (own.refused + others.refused > 0) count(Metric.RuleMatchesRefused, own.refused + others.refused);
    for (const { rule } of own.matches) count(Metric.RuleMatches, 1, { rule: rule.id });
    // Their ids are without end.
    if (others.matches.length > 0) count(Metric.RuleMatches, others.matches.length, { rule: 'imported' });
    costs.add(envelope.batch.eventCount);
    const matches = [...own.matches, ...others.matches];
    return ok({ ...envelope, ruleBatch, matches, ...(set && { brought: set }) });
  };
}

/** A rule that costs more than its budget goes on, for what is not looked at is not seen; but it is named, once. */
class CostReport {
  private readonly logger = createLogger('detection');
  private readonly named = new Set<string>();
  private events = 0;

  constructor(private readonly engine: RuleEngine) {}

  add(events: number): void {
    this.events += events;
    if (this.events < limits.ruleCosts.reportEvents) return;
    for (const { rule, looked, ns } of this.engine.takeCosts()) {
      count(Metric.RuleNs, ns, { rule: rule.id });
      if (ns / this.events > limits.ruleCosts.nsPerEventMax)
        this.name(rule.file, { looked, nsPerEvent: ns / this.events });
    }
    this.events = 0;
  }

  private name(rule: string, figures: object): void {
    if (this.named.has(rule)) return;
    this.named.add(rule);
    const cure = 'give it a literal that is rare, or a narrower log source';
    this.logger.warn({ code: 'rule_over_budget', rule, ...figures }, `A rule costs more than its budget: ${cure}`);
  }
}
