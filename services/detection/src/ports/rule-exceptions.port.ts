// Exceptions to rules that tenants have made.
import type { ExceptionSet } from '@norn/rules';

export interface RuleExceptions {
  /** Undefined when the tenant has none. */
  of(tenantId: string): ExceptionSet | undefined;
  /** That people put the host in. */
  groupsOf(tenantId: string, hostId: string): readonly string[];
}

export const noExceptions: RuleExceptions = { of: () => undefined, groupsOf: () => [] };
