// What hosts of a tenant found is counted together; that one is missing is a finding by itself.
import { type Outcome, ok } from '@norn/pipeline';
import { tenantFinding } from '../steps/content-finding.ts';
import { troubleFinding } from '../watch/trouble-finding.ts';
import type { TenantCorrelations } from './tenant-correlations.ts';
import type { TenantFindings, TenantTold } from './tenant-envelope.ts';

export function createCorrelateTenant(
  correlations: TenantCorrelations,
): (envelope: TenantTold) => Outcome<TenantFindings> {
  return function correlateTenant({ record, tenantId, told }) {
    const found = correlations.take(tenantId, told).map((each) => ({
      finding: tenantFinding(tenantId, each, each.brought),
      group: each.match.group.flat().join('\0'),
    }));
    const trouble = troubleFinding(tenantId, told);
    // Those that fall silent together are one alert.
    if (trouble) found.push({ finding: trouble, group: '' });
    return ok({
      record,
      tenantId,
      findings: found.map((each) => each.finding),
      groups: new Map(found.map((each) => [each.finding.id, each.group])),
    });
  };
}
