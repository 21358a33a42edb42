// The question that a policy asks of stored findings: how often its rules fired.
import type { TenantQueryParts } from '@norn/store';

const DAYS = 7;
const RULES_MAX = 1_000;

export interface FiringRow {
  readonly rule: string;
  readonly fired: number | string;
  readonly denied: number | string;
}

/** Hosts tell of what they denied as reflexes do. */
export function firingsQuery(prefix: string): TenantQueryParts {
  return {
    select: [
      'substring(rule_id, length({prefix:String}) + 1) AS rule',
      "uniqExact(id) AS fired, uniqExactIf(id, source = 'reflex') AS denied",
    ],
    from: 'findings',
    where: ['time >= now64() - toIntervalDay({days:UInt32})', 'startsWith(rule_id, {prefix:String})'],
    parameters: { prefix, days: DAYS },
    groupBy: ['rule'],
    orderBy: ['rule'],
    limit: RULES_MAX,
  };
}
