// What travels through the steps over a tenant's records.
import type { BusRecord } from '@norn/bus';
import type { finding, occurrence } from '@norn/contracts';

export interface TenantTold {
  readonly record: BusRecord;
  readonly tenantId: string;
  readonly told: occurrence.TenantRecord;
}

export interface TenantFindings {
  readonly record: BusRecord;
  readonly tenantId: string;
  readonly findings: readonly finding.Finding[];
  /** Of each finding, by its id: what was counted together. */
  readonly groups: ReadonlyMap<string, string>;
}

export interface TenantResult {
  readonly record: BusRecord;
  readonly findings: readonly finding.Finding[];
  readonly alerts: readonly finding.Alert[];
}
