// What stored events say of the events that hosts lost.
import type { TenantQueryParts } from '@norn/store';

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

const places: Readonly<Record<number, string>> = { 1: 'critical ring', 2: 'bulk ring', 3: 'agent queue', 4: 'spool' };

/** Of a gap's `flags`. */
export function placeName(place: number): string {
  return places[place] ?? 'unknown';
}
