// The overview in figures and in a sentence: is anything on fire, who watches, what is left to do.
import type { view } from '@norn/contracts';
import type { AlertTotals } from '../model/control-plane.ts';
import type { HostState } from '../model/host/host-state.ts';
import { counted, listed, sentenceCase, severityNumber } from '../model/words.ts';

export interface HostCounts {
  protected: number;
  degraded: number;
  silent: number;
}

export function hostCounts(hosts: readonly HostState[]): HostCounts {
  const counts = { protected: 0, degraded: 0, silent: 0 };
  // Containers that have ended worry nobody.
  for (const { state } of hosts) if (state in counts) counts[state as keyof HostCounts] += 1;
  return counts;
}

export function severityCounts({
  openBySeverity,
}: AlertTotals): Record<'informational' | 'low' | 'medium' | 'high' | 'critical', number> {
  const of = (word: Parameters<typeof severityNumber>[0]): number => openBySeverity.get(severityNumber(word)) ?? 0;
  const informational = of('informational') + (openBySeverity.get(0) ?? 0);
  return { informational, low: of('low'), medium: of('medium'), high: of('high'), critical: of('critical') };
}

/** Somebody undid what it had done, and it goes on. */
function goesOn({ state, runningProcesses }: view.AlertView): boolean {
  return state === 'remediated' && runningProcesses > 0;
}

export function judge(
  totals: AlertTotals,
  hosts: HostCounts,
  lastAlerts: readonly view.AlertView[],
): { mood: string; summary: string } {
  const open = severityCounts(totals);
  const urgent = open.critical + open.high;
  if (urgent > 0) {
    const kinds = [open.critical > 0 ? `${open.critical} critical` : '', open.high > 0 ? `${open.high} high` : ''];
    const which = listed(kinds.filter((kind) => kind !== ''));
    return { mood: 'fire', summary: `${which} ${urgent === 1 ? 'alert needs' : 'alerts need'} somebody now.` };
  }
  const all = hosts.protected + hosts.degraded + hosts.silent;
  if (all === 0) return { mood: 'watch', summary: 'No host is enrolled yet: `./norn up` on a host enrols it.' };
  const worries: string[] = [];
  const waiting = open.medium + open.low + open.informational;
  if (waiting > 0) worries.push(`${counted(waiting, 'alert')} to look at`);
  const running = lastAlerts.filter(goesOn).length;
  if (running > 0) worries.push(`processes of ${counted(running, 'remediated alert')} still run`);
  if (hosts.silent > 0) worries.push(`${counted(hosts.silent, 'host')} silent`);
  if (hosts.degraded > 0) worries.push(`${counted(hosts.degraded, 'host')} with degraded protection`);
  if (worries.length > 0) return { mood: 'watch', summary: `Nothing is on fire; ${listed(worries)}.` };
  const watched = all === 1 ? 'the one host is protected' : `all ${all} hosts are protected`;
  return {
    mood: 'calm',
    summary: `Nothing is on fire: ${sentenceCase(watched).replace(/^./, (c) => c.toLowerCase())} and no alert is open.`,
  };
}
