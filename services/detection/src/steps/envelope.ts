// What travels through detection's steps: one batch of one host, and what was found in it so far.
import type { BusRecord } from '@norn/bus';
import type { BatchView, finding } from '@norn/contracts';
import type { PolicyDecision } from '@norn/response';
import type { CorrelationMatch, RuleBatch, RuleMatch } from '@norn/rules';
import type { BroughtState } from '../ports/brought-rules.port.ts';

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
  /** Rules among them that the tenant brought along, by id. */
  readonly brought: ReadonlyMap<string, BroughtState>;
  /** Absent: the tenant has none in force. */
  readonly policy?: { readonly number: number; readonly decisions: readonly PolicyDecision[] };
}

/** A correlation, with the finding that each of its events would be. */
export interface Correlated {
  readonly match: CorrelationMatch<finding.Finding>;
  /** Known to be lost of this host in that time. */
  readonly eventsLost: number;
}

export interface CorrelatedBatch extends JudgedBatch {
  readonly correlated: readonly Correlated[];
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
