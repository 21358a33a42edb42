// The question that the overview asks of stored events.
import type { TenantQueryParts } from '@norn/store';

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
