// Rules that tenants brought along, ready to run.
import type { BroughtState, CorrelationSet, RuleEngine } from '@norn/rules';

export interface BroughtRuleSet {
  readonly engine: RuleEngine;
  /** By id: the rules that the engine runs, and the correlations. */
  readonly states: ReadonlyMap<string, BroughtState>;
  /** Absent: it brought none. */
  readonly correlations?: CorrelationSet;
}

export interface BroughtRules {
  /** Undefined when the tenant has none that can run here. */
  of(tenantId: string): BroughtRuleSet | undefined;
}

export const noBroughtRules: BroughtRules = { of: () => undefined };
