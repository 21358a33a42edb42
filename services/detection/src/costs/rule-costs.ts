// What each rule costs: told to metrics every `reportEvents`, and summed up until somebody writes it down.
import type { RuleCost, RuleEngine } from '@norn/rules';
import type { RuleCostRow } from '@norn/store';
import { Metric, count, createLogger } from '@norn/telemetry';
import { limits } from '../limits.ts';

interface EngineTotals {
  readonly tenantId: string;
  /** Since costs were taken from the engine last. */
  events: number;
  readonly rows: Map<string, RuleCostRow>;
}

export class RuleCosts {
  private readonly logger = createLogger('detection');
  private readonly named = new Set<string>();
  /** An engine that a tenant's import replaced goes with its last totals. */
  private engines = new Map<RuleEngine, EngineTotals>();

  /** `tenantId` is empty for Norn's own rules. */
  add(tenantId: string, engine: RuleEngine, events: number): void {
    const totals = this.engines.get(engine) ?? { tenantId, events: 0, rows: new Map<string, RuleCostRow>() };
    this.engines.set(engine, totals);
    totals.events += events;
    if (totals.events >= limits.ruleCosts.reportEvents) this.collect(engine, totals);
  }

  /** What it was since the last call; of one engine the dearest rules, at most `rowsMax`. */
  take(): RuleCostRow[] {
    const { engines } = this;
    this.engines = new Map();
    return [...engines].flatMap(([engine, totals]) => {
      this.collect(engine, totals);
      return [...totals.rows.values()].sort((a, b) => b.ns - a.ns).slice(0, limits.ruleCosts.rowsMax);
    });
  }

  private collect(engine: RuleEngine, totals: EngineTotals): void {
    const { events } = totals;
    totals.events = 0;
    for (const cost of engine.takeCosts()) {
      // The ids of rules that were brought along are without end.
      count(Metric.RuleNs, cost.ns, { rule: totals.tenantId === '' ? cost.rule.id : 'imported' });
      this.judge(cost, events);
      if (cost.rule.id !== '') sumUp(totals, cost);
    }
    for (const [ruleId, row] of totals.rows) totals.rows.set(ruleId, { ...row, events: row.events + events });
  }

  /** A rule that costs more than its budget goes on, for what is not looked at is not seen; but it is named, once. */
  private judge({ rule, looked, ns }: RuleCost, events: number): void {
    // Of a few events one that is slow by chance says nothing.
    if (events < limits.ruleCosts.reportEvents || ns / events <= limits.ruleCosts.nsPerEventMax) return;
    if (this.named.has(rule.file)) return;
    this.named.add(rule.file);
    const figures = { code: 'rule_over_budget', rule: rule.file, looked, nsPerEvent: ns / events };
    this.logger.warn(
      figures,
      'A rule costs more than its budget: give it a literal that is rare, or a narrower log source',
    );
  }
}

function sumUp({ tenantId, rows }: EngineTotals, { rule, looked, ns }: RuleCost): void {
  const row = rows.get(rule.id) ?? { tenantId, ruleId: rule.id, events: 0, looked: 0, ns: 0 };
  rows.set(rule.id, { ...row, looked: row.looked + looked, ns: row.ns + ns });
}
