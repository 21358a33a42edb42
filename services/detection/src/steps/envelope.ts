// What travels through detection's steps: one batch of one host, and what was found in it so far.
import type { BusRecord } from '@norn/bus';
import type { BatchView, finding, occurrence } from '@norn/contracts';
import type { PolicyDecision } from '@norn/response';
import type { CorrelationMatch, RuleBatch, RuleMatch } from '@norn/rules';
import type { BroughtRuleSet } from '../ports/brought-rules.port.ts';

/** Something for the correlations over all hosts of a tenant. */
export type TenantWhat = occurrence.TenantRecord['what'];

export interface HostBatch {
  readonly record: BusRecord;
  readonly tenantId: string;
  readonly hostId: string;
  readonly batch: BatchView;
}

export interface JudgedBatch extends HostBatch {
  /** The batch as rules see it. */
  readonly ruleBatch: RuleBatch;
  readonly matches: readonly RuleMatch[];
  /** What the tenant brought along; absent when that is nothing. */
  readonly brought?: BroughtRuleSet;
  /** Absent: the tenant has none in force. */
  readonly policy?: { readonly number: number; readonly decisions: readonly PolicyDecision[] };
}

/** A correlation, with the finding that each of its events would be. */
export interface Correlated {
  readonly match: CorrelationMatch<finding.Finding>;
  /** Known to be lost in that time, of the host or of all that it is about. */
  readonly eventsLost: number;
}

export interface CorrelatedBatch extends JudgedBatch {
  readonly correlated: readonly Correlated[];
  /** For the correlations over all hosts of the tenant. */
  readonly forTenant: readonly TenantWhat[];
}

export interface BatchFindings extends HostBatch {
  readonly findings: readonly finding.Finding[];
  readonly forTenant: readonly TenantWhat[];
}

export interface BatchAlerts extends HostBatch {
  readonly forTenant: readonly TenantWhat[];
  /** Those that no alert held before. */
  readonly findings: readonly finding.Finding[];
  /** Alerts that are new or changed, each once. */
  readonly alerts: readonly finding.Alert[];
}
