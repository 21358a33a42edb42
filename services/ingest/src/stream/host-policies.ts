// The newest signed policy of each tenant, sent to its hosts when they connect and when it changes.
import type { policy } from '@norn/contracts';
import type { TenantPolicy } from '../ports/policy-feed.ts';
import type { Connections } from './connections.ts';

export class HostPolicies {
  private readonly newest = new Map<string, policy.SignedPolicy>();

  constructor(private readonly connections: Connections) {}

  /** Records of a tenant are in their order, so the last one told is the newest. */
  tell({ tenantId, signed }: TenantPolicy): void {
    this.newest.set(tenantId, signed);
    for (const stream of this.connections.ofTenant(tenantId)) stream.sendPolicy(signed);
  }

  /** Undefined when the tenant never put one in force. */
  of(tenantId: string): policy.SignedPolicy | undefined {
    return this.newest.get(tenantId);
  }
}
