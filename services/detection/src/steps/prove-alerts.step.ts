// Signs for what an alert lists, and says in the batch's span and in metrics what came of it.
import { type Outcome, ok } from '@norn/pipeline';
import { Metric, SpanAttribute, count } from '@norn/telemetry';
import type { ProveAlert } from '../alerts/prove-alert.ts';
import type { BatchAlerts } from './envelope.ts';

export function createProveAlerts(proveAlert: ProveAlert): (detected: BatchAlerts) => Outcome<BatchAlerts, never> {
  return function proveAlerts(detected) {
    const { record, batch, findings, alerts } = detected;
    count(Metric.StageEvents, batch.eventCount, { stage: 'detection' });
    if (findings.length > 0 || alerts.length > 0) {
      record.span?.set({ [SpanAttribute.Findings]: findings.length, [SpanAttribute.Alerts]: alerts.length });
    }
    return ok({ ...detected, alerts: alerts.map(proveAlert) });
  };
}
