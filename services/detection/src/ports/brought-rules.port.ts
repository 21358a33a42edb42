// Rules that tenants brought along, ready to run.
import type { RuleEngine } from '@norn/rules';

/** `observe`: what it finds is kept and opens no alert. */
export type BroughtState = 'observe' | 'alert';

export interface BroughtRuleSet {
  readonly engine: RuleEngine;
  /** By rule id: all that the engine runs. */
  readonly states: ReadonlyMap<string, BroughtState>;
}

export interface BroughtRules {
  /** Undefined when the tenant has none that can run here. */
  of(tenantId: string): BroughtRuleSet | undefined;
}

export const noBroughtRules: BroughtRules = { of: () => undefined };
