// The questions that exceptions ask of stored findings: what one would have silenced, and what each did.
import type { ExceptionScope } from '@norn/rules';
import type { TenantQueryParts } from '@norn/store';

export const previewLimits = { days: 7, findingsMax: 2_000, examplesMax: 5 } as const;
const dayMs = 86_400_000;

export interface FindingRow {
  alertId: string;
  /** norn.finding.v1.Finding, hex. */
  body: string;
}

/** Newest first, of each finding the row that knows its alert. */
export function findingsOfRuleQuery({ ruleId, place: { hostId } }: ExceptionScope, nowMs: number): TenantQueryParts {
  const since = (nowMs - previewLimits.days * dayMs) * 1000;
  const where = ['rule_id = {rule:String}', 'time >= fromUnixTimestamp64Micro({since:Int64})'];
  return {
    select: ['alert_id AS alertId, hex(body) AS body'],
    from: 'findings',
    final: true,
    where: hostId === '' ? where : [...where, 'host_id = {host:String}'],
    parameters: { rule: ruleId, since, host: hostId },
    orderBy: ['time DESC', 'id'],
    limit: previewLimits.findingsMax + 1,
  };
}

const EXCEPTIONS_MAX = 5_000;

export interface UseRow {
  id: string;
  used: number | string;
  lastUs: number | string;
}

/** By exception: how many findings it kept from alerts, and when last. */
export function usesQuery(): TenantQueryParts {
  return {
    select: ['excepted_by AS id, uniqExact(findings.id) AS used', 'toUnixTimestamp64Micro(max(time)) AS lastUs'],
    from: 'findings',
    where: ["excepted_by != ''"],
    groupBy: ['excepted_by'],
    limit: EXCEPTIONS_MAX,
  };
}
