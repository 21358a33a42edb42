// The questions that the pages of hosts ask of stored events.
import type { TenantQueryParts } from '@norn/store';
import { containerColumns } from '../model/container/container.queries.ts';

export const containersMax = 2000;
const gapsMax = 100;
const quarantinedMax = 200;

export function containersQuery(): TenantQueryParts {
  return {
    select: containerColumns,
    from: 'containers',
    final: true,
    orderBy: ['observed_at DESC'],
    limit: containersMax,
  };
}

export interface GapRow {
  us: number | string;
  events: number | string;
  place: number;
  durationMs: number;
}

export function gapsQuery(hostId: string): TenantQueryParts {
  return {
    select: ['toUnixTimestamp64Micro(time) AS us, value AS events, flags AS place, result AS durationMs'],
    from: 'events',
    where: ['host_id = {host:String}', 'kind = 40', 'time > now64(6) - INTERVAL 7 DAY'],
    parameters: { host: hostId },
    orderBy: ['time DESC'],
    limit: gapsMax,
  };
}

export interface QuarantinedRow {
  sha256: string;
  path: string;
  containerId: string;
  alertId: string;
  lastVerdict: string;
  lastSize: number | string;
  decidedUs: number | string;
}

/** What the host's restores have put into its quarantine. */
export function quarantineQuery(hostId: string): TenantQueryParts {
  return {
    select: [
      'quarantined_as AS sha256, path, container_id AS containerId, alert_id AS alertId',
      'argMax(verdict, finished_at) AS lastVerdict, argMax(size, finished_at) AS lastSize',
      'toUnixTimestamp64Micro(max(finished_at)) AS decidedUs',
    ],
    from: 'outcome_files',
    where: ['host_id = {host:String}', "quarantined_as != ''"],
    parameters: { host: hostId },
    groupBy: ['quarantined_as', 'path', 'container_id', 'alert_id'],
    orderBy: ['decidedUs DESC'],
    limit: quarantinedMax,
  };
}
