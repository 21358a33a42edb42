// The signed policies of tenants' hosts: every instance of ingest holds the newest of each.
import type { policy } from '@norn/contracts';

export interface TenantPolicy {
  readonly tenantId: string;
  readonly signed: policy.SignedPolicy;
}

export interface PolicyFeed {
  /** Resolves when all that were there at the call have been told; then each change is. */
  start(tell: (policy: TenantPolicy) => void): Promise<void>;
  close(): Promise<void>;
}
