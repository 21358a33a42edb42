// Alerts as lists show them: a page of them under filters, and one by itself.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { view } from '@norn/contracts';
import { AlertViews } from '../model/attack/alert-views.ts';
import { readAttack } from '../model/attack/attack.ts';
import { type AlertFilter, ControlPlane } from '../model/control-plane.ts';
import { Telemetry } from '../model/telemetry.port.ts';
import { severityNumber } from '../model/words.ts';
import { filteredIdsQuery } from './alerts.queries.ts';
import type { AlertsQuery } from './alerts.request.ts';

@Injectable()
export class AlertsService {
  constructor(
    private readonly control: ControlPlane,
    private readonly telemetry: Telemetry,
    private readonly views: AlertViews,
  ) {}

  /** Newest first. */
  async page(tenantId: string, query: AlertsQuery): Promise<view.AlertList> {
    const filter: AlertFilter = {
      states: query.state,
      severities: query.severity?.map(severityNumber),
      hostId: query.host,
      container: query.container,
      idStart: query.id,
      ids: await this.filteredIds(tenantId, query),
    };
    const handlings = await this.control.alerts(tenantId, filter, query);
    const full = handlings.length === query.limit;
    return create(view.AlertListSchema, {
      alerts: await this.views.of(tenantId, handlings.map(readAttack)),
      nextCursor: full ? (handlings.at(-1)?.id ?? '') : '',
    });
  }

  /** Throws `alert_unknown`. */
  async one(tenantId: string, id: string): Promise<view.AlertView> {
    return this.views.one(tenantId, await this.control.attack(tenantId, id));
  }

  /** Uids of its processes, 32 hex each; none of an alert that the tenant does not have. */
  async stillRunning(tenantId: string, id: string): Promise<string[]> {
    const handling = await this.control.alert(tenantId, id);
    return handling === null ? [] : this.views.stillRunning(tenantId, readAttack(handling));
  }

  private async filteredIds(tenantId: string, query: AlertsQuery): Promise<string[] | undefined> {
    const asked = filteredIdsQuery(query);
    return asked && (await this.telemetry.rows<{ id: string }>(tenantId, asked)).map(({ id }) => id);
  }
}
