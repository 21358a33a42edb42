// What hosts of a tenant found is counted together.
import { type Outcome, ok } from '@norn/pipeline';
import { tenantFinding } from '../steps/content-finding.ts';
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
    return ok({
      record,
      tenantId,
      findings: found.map((each) => each.finding),
      groups: new Map(found.map((each) => [each.finding.id, each.group])),
    });
  };
}
