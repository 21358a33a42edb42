// The questions a list of findings asks of stored events.
import type { TenantQueryParts } from '@norn/store';
import type { FindingsQuery } from './findings.request.ts';

const alertsMax = 1000;

const uids = `arrayMap(u -> toFixedString(unhex(u), 16), {uids:Array(String)})`;

export interface FindingRow {
  id: string;
  alertId: string;
  hostId: string;
  containerId: string;
  lineageUid: string;
  severity: number;
  us: number | string;
  /** norn.finding.v1.Finding, hex. */
  body: string;
}

/** Newest first. A finding has a row of its own and one for each version of its alert: the highest version knows the alert. */
export function findingsQuery({ since, host, container, rule, limit }: FindingsQuery): TenantQueryParts {
  const narrowed = [
    ...(host === undefined ? [] : ['host_id = {host:String}']),
    ...(container === undefined ? [] : ['startsWith(container_id, {container:String})']),
    ...(rule === undefined ? [] : ['rule_id = {rule:String}']),
  ];
  return {
    select: [
      'id, argMax(alert_id, alert_version) AS alertId, any(host_id) AS hostId, any(container_id) AS containerId',
      'lower(hex(any(lineage_uid))) AS lineageUid, max(findings.severity) AS severity',
      'toUnixTimestamp64Micro(max(time)) AS us, hex(any(findings.body)) AS body',
    ],
    from: 'findings',
    where: ['time >= fromUnixTimestamp64Micro({since:Int64})', ...narrowed],
    parameters: { since: Date.parse(since) * 1000, host: host ?? '', container: container ?? '', rule: rule ?? '' },
    groupBy: ['id'],
    orderBy: ['us DESC', 'id'],
    limit: limit + 1,
  };
}

export interface AlertSpanRow {
  id: string;
  hostId: string;
  containerId: string;
  lineageUid: string;
  fromUs: number | string;
  toUs: number | string;
}

/** Alerts of these lineages: one that is full counts findings that it does not list. */
export function alertsOfLineagesQuery(hosts: readonly string[], lineages: readonly string[]): TenantQueryParts {
  return {
    select: [
      'id, host_id AS hostId, container_id AS containerId, lower(hex(lineage_uid)) AS lineageUid',
      'toUnixTimestamp64Micro(created_at) AS fromUs, toUnixTimestamp64Micro(updated_at) AS toUs',
    ],
    from: 'alerts',
    final: true,
    where: ['has({hosts:Array(String)}, host_id)', `has(${uids}, lineage_uid)`],
    parameters: { hosts, uids: lineages },
    orderBy: ['created_at DESC'],
    limit: alertsMax,
  };
}
