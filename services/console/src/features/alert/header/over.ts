// Is it over: calm, or something is left to do. Never greener than its worst part.
import type { Alert, AlertDetail } from '../../../shared/api/views.ts';
import type { IconName } from '../../../shared/ui/icon.tsx';

export interface Look {
  readonly icon: IconName;
  readonly tone: string;
}

export function over(alert: Alert, detail: AlertDetail): Look {
  const { state, runningProcesses, unknownProcesses } = alert;
  if (state === 'archived' || state === 'released') return { icon: 'check', tone: 'text-soft' };
  if (state === 'responding') return { icon: 'clock', tone: 'text-low' };
  if (state === 'failed' || runningProcesses > 0) return { icon: 'high', tone: 'text-high' };
  if (unknownProcesses > 0 || isUnread(detail)) return { icon: 'away', tone: 'text-medium' };
  if (state === 'stopped' || filesLeft(alert) > 0) return { icon: 'medium', tone: 'text-medium' };
  return state === 'remediated' ? { icon: 'check', tone: 'text-good' } : { icon: 'high', tone: 'text-high' };
}

/** Nothing is known of its processes, and it is not because there were none. */
function isUnread({ processes, telemetryPending, telemetryProblem }: AlertDetail): boolean {
  return processes.length === 0 && (telemetryPending || telemetryProblem !== '');
}

/** Not restored: lost, or for a person to decide. */
function filesLeft({ files }: Alert): number {
  return (files?.lost ?? 0) + (files?.conflict ?? 0);
}
