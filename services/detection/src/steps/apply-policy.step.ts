// Asks the tenant's policy about every event of the batch.
import { Metric, count } from '@norn/telemetry';
import { type Outcome, ok } from '@norn/pipeline';
import type { Policies } from '../ports/policies.port.ts';
import type { JudgedBatch } from './envelope.ts';

export function createApplyPolicy(policies: Policies): (envelope: JudgedBatch) => Outcome<JudgedBatch> {
  return function applyPolicy(envelope) {
    const policy = policies.of(envelope.tenantId);
    if (!policy) return ok(envelope);
    const { baseTimeUs, columns } = envelope.batch;
    const { decisions, refused } = policy.engine.decide(envelope.ruleBatch, {
      groups: policy.groupsOf(envelope.hostId),
      timeUsOf: (row) => baseTimeUs + (columns.timeOffsetUs[row] ?? 0),
    });
    if (refused > 0) count(Metric.RuleMatchesRefused, refused);
    return ok({ ...envelope, policy: { number: policy.number, decisions } });
  };
}
