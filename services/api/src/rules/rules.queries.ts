// The question that rules ask of stored findings: how many each found lately.
import type { TenantQueryParts } from '@norn/store';

const RULES_MAX = 10_000;

export interface FoundRow {
  ruleId: string;
  findings: number | string;
}

export function foundQuery(sinceMs: number): TenantQueryParts {
  return {
    select: ['rule_id AS ruleId, uniqExact(id) AS findings'],
    from: 'findings',
    where: ['time >= fromUnixTimestamp64Micro({since:Int64})'],
    parameters: { since: sinceMs * 1000 },
    groupBy: ['rule_id'],
    limit: RULES_MAX,
  };
}
