// Findings since a moment, each with the pids above it: for those who ask "did this process give that finding".
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { finding, view } from '@norn/contracts';
import type { FindingsQuery } from './findings.request.ts';
import { Telemetry } from '../model/telemetry.port.ts';
import { type AlertSpanRow, type FindingRow, alertsOfLineagesQuery, findingsQuery } from './findings.queries.ts';
import { placedView } from './findings.view.ts';

/** Findings of less weight open no alert. */
const MEDIUM: number = finding.Severity.MEDIUM;

@Injectable()
export class FindingsService {
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

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
