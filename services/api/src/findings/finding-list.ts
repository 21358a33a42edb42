// Findings since a moment, each with the pids above it: for those who ask "did this process give that finding".
import { create, fromBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { fromHex } from '@norn/base';
import { finding, view } from '@norn/contracts';
import type { FindingsQuery } from '../http/bounds.ts';
import { Telemetry } from '../model/telemetry.port.ts';
import { findingView } from '../model/attack/finding.view.ts';
import { type AlertSpanRow, type FindingRow, alertsOfLineagesQuery, findingsQuery } from './finding-queries.ts';

/** Findings of less weight open no alert. */
const MEDIUM: number = finding.Severity.MEDIUM;

@Injectable()
export class FindingLists {
  constructor(private readonly telemetry: Telemetry) {}

  async since(tenantId: string, query: FindingsQuery): Promise<view.FindingList> {
    const rows = await this.telemetry.rows<FindingRow>(tenantId, findingsQuery(query));
    const shown = rows.slice(0, query.limit);
    const alerts = await this.alertsOf(tenantId, shown);
    return create(view.FindingListSchema, {
      findings: shown.map((row) => placedView(row, alerts)),
      truncated: rows.length > query.limit,
    });
  }

  /** Alerts that may count what no alert lists. */
  private alertsOf(tenantId: string, rows: readonly FindingRow[]): Promise<AlertSpanRow[]> {
    const alone = rows.filter(({ alertId, severity }) => alertId === '' && severity >= MEDIUM);
    if (alone.length === 0) return Promise.resolve([]);
    const [hosts, lineages] = [alone.map(({ hostId }) => hostId), alone.map(({ lineageUid }) => lineageUid)];
    return this.telemetry.rows<AlertSpanRow>(tenantId, alertsOfLineagesQuery(distinct(hosts), distinct(lineages)));
  }
}

function placedView(row: FindingRow, alerts: readonly AlertSpanRow[]): view.PlacedFindingView {
  const one = fromBinary(finding.FindingSchema, fromHex(row.body));
  return create(view.PlacedFindingViewSchema, {
    finding: findingView(one),
    hostId: row.hostId,
    containerId: row.containerId,
    alertId: row.alertId || (alerts.find((alert) => counts(alert, row))?.id ?? ''),
    pid: one.pid,
    ancestorPids: one.ancestorPids,
  });
}

function counts(alert: AlertSpanRow, row: FindingRow): boolean {
  const [us, fromUs, toUs] = [row.us, alert.fromUs, alert.toUs].map(Number) as [number, number, number];
  const isSamePlace = alert.hostId === row.hostId && alert.containerId === row.containerId;
  return isSamePlace && alert.lineageUid === row.lineageUid && fromUs <= us && us <= toUs;
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
