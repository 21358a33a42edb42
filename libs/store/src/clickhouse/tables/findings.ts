// Rows of `findings` and `alerts`. An alert repeats its findings with its id, so the two are joined whatever is stored first.
import { toBinary } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { NativeBlock } from '../native/block.ts';
import { low, lows, pushTexts, text, time, u32, u8, uid } from './column-kinds.ts';

export function createFindingsBlock() {
  return new NativeBlock('findings', {
    tenant_id: low(),
    host_id: low(),
    id: text(),
    alert_id: text(),
    alert_version: u32(),
    rule_id: low(),
    excepted_by: low(),
    source: low(),
    severity: u8(),
    techniques: lows(),
    time: time(),
    process_uid: uid(),
    scope_uid: uid(),
    lineage_uid: uid(),
    container_id: low(),
    summary: text(),
    body: text(),
  });
}

export type FindingsBlock = ReturnType<typeof createFindingsBlock>;

/** The alert a finding is part of; version 0 while that is not known. */
export interface PartOfAlert {
  readonly id: string;
  readonly version: number;
}

export function pushFinding(block: FindingsBlock, one: finding.Finding, alert: PartOfAlert): void {
  const { columns } = block;
  columns.tenant_id.push(one.tenantId);
  columns.host_id.push(one.hostId);
  columns.id.push(one.id);
  columns.alert_id.push(alert.id);
  columns.alert_version.push(alert.version);
  columns.rule_id.push(one.ruleId);
  columns.excepted_by.push(one.exceptedBy);
  columns.source.push(sourceNames[one.source]);
  columns.severity.push(one.severity);
  pushTexts(columns.techniques, one.techniques);
  columns.time.push(Number(one.timeUs));
  columns.process_uid.push(one.processUid);
  columns.scope_uid.push(one.scopeUid);
  columns.lineage_uid.push(one.lineageUid);
  columns.container_id.push(one.containerId);
  columns.summary.push(one.summary);
  columns.body.pushBytes(toBinary(finding.FindingSchema, one));
  block.rows += 1;
}

const sourceNames: Readonly<Record<finding.FindingSource, string>> = {
  [finding.FindingSource.UNSPECIFIED]: '',
  [finding.FindingSource.REFLEX]: 'reflex',
  [finding.FindingSource.RULE]: 'rule',
};

export function createAlertsBlock() {
  return new NativeBlock('alerts', {
    tenant_id: low(),
    host_id: low(),
    id: text(),
    version: u32(),
    severity: u8(),
    title: text(),
    summary: text(),
    created_at: time(),
    updated_at: time(),
    container_id: low(),
    scope_uid: uid(),
    lineage_uid: uid(),
    techniques: lows(),
    findings_total: u32(),
    body: text(),
  });
}

export type AlertsBlock = ReturnType<typeof createAlertsBlock>;

export function pushAlert(block: AlertsBlock, alert: finding.Alert): void {
  const { columns } = block;
  columns.tenant_id.push(alert.tenantId);
  columns.host_id.push(alert.hostId);
  columns.id.push(alert.id);
  columns.version.push(alert.version);
  columns.severity.push(alert.severity);
  columns.title.push(alert.title);
  columns.summary.push(alert.summary);
  columns.created_at.push(Number(alert.createdAtUs));
  columns.updated_at.push(Number(alert.updatedAtUs));
  columns.container_id.push(alert.containerId);
  columns.scope_uid.push(alert.scopeUid);
  columns.lineage_uid.push(alert.lineageUid);
  pushTexts(columns.techniques, alert.techniques);
  columns.findings_total.push(alert.findingsTotal);
  columns.body.pushBytes(toBinary(finding.AlertSchema, alert));
  block.rows += 1;
}
