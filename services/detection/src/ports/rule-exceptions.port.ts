// Exceptions to rules that tenants have made.
import type { ExceptionSet } from '@norn/rules';

export interface RuleExceptions {
  /** Undefined when the tenant has none. */
  of(tenantId: string): ExceptionSet | undefined;
}

export const noExceptions: RuleExceptions = { of: () => undefined };
