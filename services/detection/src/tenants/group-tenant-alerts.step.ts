// Findings over all hosts of a tenant open alerts, or join the ones they go on with.
import type { finding } from '@norn/contracts';
import { type Outcome, ok } from '@norn/pipeline';
import { isBeside, tellBeside } from '../steps/group-alerts.step.ts';
import type { TenantAlerts } from './tenant-alerts.ts';
import type { TenantFindings, TenantResult } from './tenant-envelope.ts';

export function createGroupTenantAlerts(alerts: TenantAlerts): (envelope: TenantFindings) => Outcome<TenantResult> {
  return function groupTenantAlerts({ record, findings, groups }) {
    const changed = new Map<string, finding.Alert>();
    for (const each of findings) {
      const alert = isBeside(each) ? undefined : alerts.take(each, groups.get(each.id) ?? '');
      if (alert) changed.set(alert.id, alert);
      if (isBeside(each)) tellBeside(each);
    }
    return ok({ record, findings, alerts: [...changed.values()] });
  };
}
