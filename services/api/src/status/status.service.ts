// The installation in one look: is anything on fire, who watches, what came in, what was put back.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { view } from '@norn/contracts';
import { type Logger, createLogger } from '@norn/telemetry';
import { AlertViews } from '../model/attack/alert-views.ts';
import { readAttack } from '../model/attack/attack.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { HostStates } from '../model/host/host-states.ts';
import { Telemetry } from '../model/telemetry.port.ts';
import { type MinuteRow, eventsPerMinuteQuery } from './status.queries.ts';
import { hostCounts, judge, severityCounts } from './status.view.ts';

const version = '0.1.0';
const lastAlertsMax = 8;
const minutes = 60;

@Injectable()
export class StatusService {
  private readonly log: Logger = createLogger('api');

  constructor(
    private readonly control: ControlPlane,
    private readonly hosts: HostStates,
    private readonly telemetry: Telemetry,
    private readonly views: AlertViews,
  ) {}

  async overview(tenantId: string): Promise<view.StatusView> {
    const [hosts, totals, last, rate] = await Promise.all([
      this.hosts.all(tenantId),
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
      eventsTotal: hosts.reduce((sum, { facts }) => sum + Number(facts.health?.eventsTotal ?? 0), 0),
      eventsLost: hosts.reduce((sum, { facts }) => sum + Number(facts.health?.eventsLost ?? 0), 0),
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
