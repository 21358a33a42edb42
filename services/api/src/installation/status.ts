// The installation in one look: is anything on fire, who watches, what came in, what was put back.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { view } from '@norn/contracts';
import { messageOf } from '@norn/base';
import { type Logger, createLogger } from '@norn/telemetry';
import { type AlertTotals, ControlPlane } from '../model/control-plane.ts';
import { AlertViews } from '../model/attack/alert-views.ts';
import { Telemetry } from '../model/telemetry.port.ts';
import { readAttack } from '../model/attack/attack.ts';
import { counted, listed, sentenceCase, severityNumber } from '../model/words.ts';
import { Installation } from './installation.ts';
import { type MinuteRow, eventsPerMinuteQuery } from './installation-queries.ts';

const version = '0.1.0';
const lastAlertsMax = 8;
const minutes = 60;

@Injectable()
export class Status {
  private readonly log: Logger = createLogger('api');

  constructor(
    private readonly control: ControlPlane,
    private readonly installation: Installation,
    private readonly telemetry: Telemetry,
    private readonly views: AlertViews,
  ) {}

  async of(tenantId: string): Promise<view.StatusView> {
    const [hosts, totals, last, rate] = await Promise.all([
      this.installation.hosts(tenantId),
      this.control.totals(tenantId),
      this.control.alerts(tenantId, {}, { limit: lastAlertsMax }),
      this.rate(tenantId),
    ]);
    const counts = hostCounts(hosts);
    const lastAlerts = await this.views.of(tenantId, last.map(readAttack));
    return create(view.StatusViewSchema, {
      version,
      hosts: counts,
      alertsOpen: severityCounts(totals),
      alertsTotal: totals.total,
      eventsTotal: hosts.reduce((sum, host) => sum + host.eventsTotal, 0),
      eventsLost: hosts.reduce((sum, host) => sum + host.eventsLost, 0),
      eventsPerMinute: rate ?? [],
      files: totals.files,
      lastAlerts,
      ...judge(totals, counts, lastAlerts),
      time: new Date().toISOString(),
      telemetryUnavailable: rate === null,
    });
  }

  private async rate(tenantId: string): Promise<number[] | null> {
    try {
      const rows = await this.telemetry.rows<MinuteRow>(tenantId, eventsPerMinuteQuery());
      const perMinute = new Array<number>(minutes).fill(0);
      for (const { ago, events } of rows) if (ago >= 0 && ago < minutes) perMinute[minutes - 1 - ago] = Number(events);
      return perMinute;
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'the rate of events could not be read');
      return null;
    }
  }
}

interface Counts {
  protected: number;
  degraded: number;
  silent: number;
}

function hostCounts(hosts: readonly view.HostView[]): Counts {
  const counts = { protected: 0, degraded: 0, silent: 0 };
  // Containers that have ended worry nobody.
  for (const { state } of hosts) if (state in counts) counts[state as keyof Counts] += 1;
  return counts;
}

function severityCounts({
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

function judge(
  totals: AlertTotals,
  hosts: Counts,
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
