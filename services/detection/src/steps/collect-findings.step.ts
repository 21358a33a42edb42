// Rule matches become findings, the agent's own findings get their lineage, tenant and host. Ids follow from the content alone.
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { type BatchView, finding } from '@norn/contracts';
import { type Outcome, ok } from '@norn/pipeline';
import type { Level, RuleMatch } from '@norn/rules';
import { Metric, count } from '@norn/telemetry';
import { createHash } from 'node:crypto';
import { limits } from '../limits.ts';
import { lineageOf, parentOf, processIndex } from './batch-processes.ts';
import { bounded, refusalOf } from './bound-finding.ts';
import type { BatchFindings, HostBatch, JudgedBatch } from './envelope.ts';

const severities: Readonly<Record<Level, finding.Severity>> = {
  informational: finding.Severity.INFORMATIONAL,
  low: finding.Severity.LOW,
  medium: finding.Severity.MEDIUM,
  high: finding.Severity.HIGH,
  critical: finding.Severity.CRITICAL,
};

export function createCollectFindings(): (envelope: JudgedBatch) => Outcome<BatchFindings> {
  return function collectFindings(envelope) {
    const found = [
      ...usable(envelope.batch.findings).map((each) => completed(envelope, each)),
      ...envelope.matches.map((match) => ofRule(envelope, match)),
    ];
    const { record, tenantId, hostId, batch } = envelope;
    return ok({ record, tenantId, hostId, batch, findings: distinct(found) });
  };
}

function usable(findings: readonly finding.Finding[]): finding.Finding[] {
  const kept = findings.slice(0, limits.reflexFindingsPerBatchMax);
  if (kept.length < findings.length)
    count(Metric.FindingsRefused, findings.length - kept.length, { reason: 'too_many' });
  return kept.flatMap((each) => {
    const reason = refusalOf(each);
    if (reason === undefined) return [bounded(each)];
    count(Metric.FindingsRefused, 1, { reason });
    return [];
  });
}

function distinct(findings: readonly finding.Finding[]): finding.Finding[] {
  const byId = new Map<string, finding.Finding>();
  for (const each of findings) if (!byId.has(each.id)) byId.set(each.id, each);
  return [...byId.values()];
}

function completed({ tenantId, hostId, batch }: HostBatch, reflex: finding.Finding): finding.Finding {
  const known = lineageOf(batch, reflex.processUid) ?? lineageOf(batch, reflex.scopeUid);
  const parentUid = parentOf(batch, processIndex(batch, reflex.scopeUid));
  return create(finding.FindingSchema, {
    ...reflex,
    tenantId,
    hostId,
    lineageUid: known ?? reflex.scopeUid,
    parentUid,
  });
}

function ofRule(envelope: HostBatch, match: RuleMatch): finding.Finding {
  const { tenantId, hostId, batch } = envelope;
  const { rule, row } = match;
  const place = placeOf(batch, row);
  return create(finding.FindingSchema, {
    id: ruleFindingId(envelope, match, place.processUid),
    ruleId: rule.id,
    title: rule.title,
    ruleVersion: rule.version,
    source: finding.FindingSource.RULE,
    severity: severities[rule.level],
    techniques: [...rule.techniques],
    timeUs: BigInt(batch.baseTimeUs + (batch.columns.timeOffsetUs[row] ?? 0)),
    processUid: place.processUid,
    scopeUid: place.processUid,
    containerId: place.containerId,
    evidence: match.evidence.map((each) => ({ ...each })),
    summary: match.summary,
    lineageUid: lineageOf(batch, place.processUid) ?? place.processUid,
    parentUid: parentOf(batch, batch.columns.process[row] ?? 0),
    tenantId,
    hostId,
  });
}

/** The same rule on the same evidence of the same process is the same finding, however often it happens. */
function ruleFindingId({ tenantId, hostId }: HostBatch, match: RuleMatch, processUid: Uint8Array): string {
  const hash = createHash('sha256');
  hash.update(['finding', tenantId, hostId, match.rule.id, String(match.rule.version), toHex(processUid)].join('\0'));
  for (const { field, value } of match.evidence) hash.update(`\0${field}\0${value}`);
  return hash.digest('hex').slice(0, 32);
}

function placeOf({ columns }: BatchView, row: number): { processUid: Uint8Array; containerId: string } {
  const { processes, containers, strings } = columns;
  const process = columns.process[row] ?? 0;
  return {
    processUid: processes.uid.slice(process * 16, process * 16 + 16),
    containerId: strings.text(containers.id[processes.container[process] ?? 0] ?? 0),
  };
}
