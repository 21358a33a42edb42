// What an exception would have kept from alerts: the rule's findings of the last days, judged by the same code as the stage that judges.
import { create, fromBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { fromHex } from '@norn/base';
import { finding, view } from '@norn/contracts';
import { type ExceptionScope, isWithin } from '@norn/rules';
import { type TenantQueryParts, resolvedGroups } from '@norn/store';
import { DataSource } from 'typeorm';
import { Telemetry } from '../model/telemetry.port.ts';
import { counted, timeOf } from '../model/words.ts';

export const previewLimits = { days: 7, findingsMax: 2_000, examplesMax: 5 } as const;
const dayMs = 86_400_000;

interface Row {
  alertId: string;
  /** norn.finding.v1.Finding, hex. */
  body: string;
}

interface Covered {
  readonly alertId: string;
  readonly one: finding.Finding;
}

@Injectable()
export class ExceptionPreviews {
  constructor(
    private readonly telemetry: Telemetry,
    private readonly database: DataSource,
  ) {}

  /** Without the finding of that id: the one that somebody looks at is known. Throws `telemetry_unavailable`. */
  async of(tenantId: string, scope: ExceptionScope, without = ''): Promise<view.ExceptionPreviewView> {
    const rows = await this.telemetry.rows<Row>(tenantId, findingsOfRule(scope, Date.now()));
    const groups = scope.place.hostGroup === '' ? [] : await resolvedGroups(this.database.manager, tenantId);
    const groupsOf = (hostId: string): string[] =>
      groups.flatMap(({ name, hostIds }) => (hostIds.includes(hostId) ? [name] : []));
    const covered = rows
      .slice(0, previewLimits.findingsMax)
      .map(({ alertId, body }) => ({ alertId, one: fromBinary(finding.FindingSchema, fromHex(body.toLowerCase())) }))
      .filter(({ one }) => one.id !== without && wouldAlert(one))
      .filter(({ one }) => isWithin(scope, { ...one, hostGroups: groupsOf(one.hostId) }));
    const word = without === '' ? 'finding' : 'other finding';
    return previewView(covered, word, rows.length > previewLimits.findingsMax);
  }
}

/** Newest first, of each finding the row that knows its alert. */
function findingsOfRule({ ruleId, place: { hostId } }: ExceptionScope, nowMs: number): TenantQueryParts {
  const since = (nowMs - previewLimits.days * dayMs) * 1000;
  const where = ['rule_id = {rule:String}', 'time >= fromUnixTimestamp64Micro({since:Int64})'];
  return {
    select: ['alert_id AS alertId, hex(body) AS body'],
    from: 'findings',
    final: true,
    where: hostId === '' ? where : [...where, 'host_id = {host:String}'],
    parameters: { rule: ruleId, since, host: hostId },
    orderBy: ['time DESC', 'id'],
    limit: previewLimits.findingsMax + 1,
  };
}

/** What is kept from alerts anyhow would not be missed. */
function wouldAlert({ observed, limited, exceptedBy }: finding.Finding): boolean {
  return !observed && !limited && exceptedBy === '';
}

function previewView(covered: readonly Covered[], word: string, truncated: boolean): view.ExceptionPreviewView {
  const { days, examplesMax } = previewLimits;
  const alerts = new Set(covered.flatMap(({ alertId }) => alertId || [])).size;
  const many = covered.length === 0 ? `no ${word}s` : counted(covered.length, word);
  const ofAlerts = alerts === 0 ? '' : ` of ${counted(alerts, 'alert')}`;
  return create(view.ExceptionPreviewViewSchema, {
    findings: covered.length,
    alerts,
    truncated,
    days,
    examples: covered.slice(0, examplesMax).map(exampleView),
    summary: `Would have silenced ${truncated ? 'at least ' : ''}${many}${ofAlerts} in the last ${days} days`,
  });
}

function exampleView({ alertId, one }: Covered): view.ExceptedFindingView {
  const { id, timeUs, hostId, containerId, summary } = one;
  return create(view.ExceptedFindingViewSchema, { id, time: timeOf(timeUs), hostId, containerId, alertId, summary });
}
