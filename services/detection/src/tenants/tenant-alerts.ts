// Alerts of what was counted over all hosts of a tenant: the same rule for the same group within the window is one. They follow from the log: read back
// like what was counted.
import type { finding } from '@norn/contracts';
import { Metric, count } from '@norn/telemetry';
import { addFinding, openAlert } from '../alerts/alert-content.ts';
import { opensAlert } from '../alerts/alert-book.ts';
import { limits } from '../limits.ts';

const nameOf = ({ process }: finding.Finding): string => process?.imagePath ?? '';

export class TenantAlerts {
  /** By tenant, then by rule and group, in the order of their beginning. */
  private readonly tenants = new Map<string, Map<string, finding.Alert>>();

  constructor(private readonly windowUs: bigint) {}

  forget(belongs: (tenantId: string) => boolean): void {
    for (const tenantId of this.tenants.keys()) if (belongs(tenantId)) this.tenants.delete(tenantId);
  }

  /** The alert as it is now, one version later; undefined when the finding changes none. `group` is what was counted together. */
  take(each: finding.Finding, group: string): finding.Alert | undefined {
    const alerts = this.tenants.get(each.tenantId) ?? new Map<string, finding.Alert>();
    const key = `${each.ruleId}\0${group}`;
    const known = this.growing(alerts.get(key), each);
    if (known?.findings.some(({ id }) => id === each.id)) return undefined;
    if (!known && !opensAlert(each)) return undefined;
    const grown = known ? addFinding(known, each, nameOf) : openAlert(each, nameOf);
    const alert = { ...grown, version: (known?.version ?? 0) + 1 };
    this.tenants.set(each.tenantId, alerts);
    if (!known) alerts.delete(key);
    alerts.set(key, alert);
    const [oldest = ''] = alerts.keys();
    if (alerts.size > limits.tenants.alertsMax) {
      alerts.delete(oldest);
      count(Metric.AlertsForgotten, 1, { reason: 'per_tenant' });
    }
    return alert;
  }

  /** From its beginning, not its last finding: what is read back must hold all of it. */
  private growing(alert: finding.Alert | undefined, { timeUs }: finding.Finding): finding.Alert | undefined {
    return alert && timeUs <= alert.createdAtUs + this.windowUs ? alert : undefined;
  }
}
