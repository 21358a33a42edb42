// The policies that tenants put in force, ready to decide.
import type { PolicyEngine } from '@norn/response';

export interface TenantPolicy {
  readonly engine: PolicyEngine;
  /** Of its version in force. */
  readonly number: number;
  /** What rules may call a host: its id, its name where it is known, and the groups that people put it in. */
  groupsOf(hostId: string): readonly string[];
}

export interface Policies {
  /** Undefined when the tenant has none, or the one it has can not be used. */
  of(tenantId: string): TenantPolicy | undefined;
}

export const noPolicies: Policies = { of: () => undefined };
