// What travels through detection's steps: one batch of one host, and what was found in it so far.
import type { BusRecord } from '@norn/bus';
import type { BatchView, finding } from '@norn/contracts';
import type { RuleMatch } from '@norn/rules';

export interface HostBatch {
  readonly record: BusRecord;
  readonly tenantId: string;
  readonly hostId: string;
  readonly batch: BatchView;
}

export interface JudgedBatch extends HostBatch {
  readonly matches: readonly RuleMatch[];
}

export interface BatchFindings extends HostBatch {
  readonly findings: readonly finding.Finding[];
}

export interface BatchAlerts extends HostBatch {
  /** Those that no alert held before. */
  readonly findings: readonly finding.Finding[];
  /** Alerts that are new or changed, each once. */
  readonly alerts: readonly finding.Alert[];
}
