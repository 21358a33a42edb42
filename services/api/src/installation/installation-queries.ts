// The questions the overview and the lists ask of stored events.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import type { TenantQueryParts } from '@norn/store';
import { containerColumns } from '../model/attack/attack.queries.ts';
import { timeOf } from '../model/words.ts';

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

const places: Readonly<Record<number, string>> = { 1: 'critical ring', 2: 'bulk ring', 3: 'agent queue', 4: 'spool' };

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

/** Of a gap's `flags`. */
export function placeName(place: number): string {
  return places[place] ?? 'unknown';
}

export function gapView(row: GapRow): view.GapView {
  return create(view.GapViewSchema, {
    time: timeOf(Number(row.us)),
    events: Number(row.events),
    place: placeName(row.place),
    durationMs: row.durationMs,
  });
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

export function quarantinedView(row: QuarantinedRow): view.QuarantinedView {
  return create(view.QuarantinedViewSchema, {
    sha256: row.sha256,
    path: row.path,
    containerId: row.containerId,
    alertId: row.alertId,
    verdict: row.lastVerdict,
    size: Number(row.lastSize),
    decidedAt: timeOf(Number(row.decidedUs)),
  });
}

export interface MinuteRow {
  ago: number;
  events: number | string;
}

/** Events stored in each of the last 60 minutes; 0 is the minute that runs. */
export function eventsPerMinuteQuery(): TenantQueryParts {
  return {
    select: ["intDiv(dateDiff('second', time, now64(6)), 60) AS ago, count() AS events"],
    from: 'events',
    where: ['time > now64(6) - INTERVAL 60 MINUTE'],
    groupBy: ['ago'],
  };
}

export interface LossRow {
  hostId: string;
  lost: number | string;
  place: number;
}

/** Events lost in the last hour, by host and place. */
export function lossLatelyQuery(): TenantQueryParts {
  return {
    select: ['host_id AS hostId, flags AS place, sum(value) AS lost'],
    from: 'events',
    where: ['kind = 40', 'time > now64(6) - INTERVAL 1 HOUR'],
    groupBy: ['host_id', 'flags'],
    limit: 20_000,
  };
}
