// A page of alerts under filters, newest first.
import { Injectable } from '@nestjs/common';
import { view } from '@norn/contracts';
import { create } from '@bufbuild/protobuf';
import { ControlPlane, type AlertFilter } from '../model/control-plane.ts';
import type { AlertsQuery } from '../http/bounds.ts';
import { Telemetry } from '../model/telemetry.port.ts';
import { readAttack } from '../model/attack/attack.ts';
import { severityNumber } from '../model/words.ts';
import { idsLeftBy } from './alert-filters.ts';
import { AlertViews } from '../model/attack/alert-views.ts';

@Injectable()
export class AlertLists {
  constructor(
    private readonly control: ControlPlane,
    private readonly telemetry: Telemetry,
    private readonly views: AlertViews,
  ) {}

  async page(tenantId: string, query: AlertsQuery): Promise<view.AlertList> {
    const filter: AlertFilter = {
      states: query.state,
      severities: query.severity?.map(severityNumber),
      hostId: query.host,
      container: query.container,
      idStart: query.id,
      ids: await idsLeftBy(this.telemetry, tenantId, query),
    };
    const handlings = await this.control.alerts(tenantId, filter, query);
    const full = handlings.length === query.limit;
    return create(view.AlertListSchema, {
      alerts: await this.views.of(tenantId, handlings.map(readAttack)),
      nextCursor: full ? (handlings.at(-1)?.id ?? '') : '',
    });
  }
}
