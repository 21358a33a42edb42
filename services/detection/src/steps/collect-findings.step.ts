// Matches of rules and correlations become findings, the agent's own findings get their lineage, tenant and host. Ids follow from the content alone.
import { create } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { type Outcome, ok } from '@norn/pipeline';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import { foundProcess, lineageOf, parentOf, pidsOf, processIndex } from './batch-processes.ts';
import { bounded, refusalOf } from './bound-finding.ts';
import { correlationFinding, policyFinding, ruleFinding } from './content-finding.ts';
import type { BatchFindings, CorrelatedBatch, HostBatch } from './envelope.ts';

export function createCollectFindings(): (envelope: CorrelatedBatch) => Outcome<BatchFindings> {
  return function collectFindings(envelope) {
    const found = [
      ...usable(envelope.batch.findings).map((each) => completed(envelope, each)),
      ...[
        ...envelope.matches.map((match) => ruleFinding(envelope, match)),
        ...policyFindings(envelope),
        ...envelope.correlated.map((each) => correlationFinding(envelope, each)),
      ].sort(byTime),
    ];
    const { record, tenantId, hostId, batch, forTenant } = envelope;
    return ok({ record, tenantId, hostId, batch, forTenant, findings: distinct(found) });
  };
}

/** What the policy allows needs no telling. */
function policyFindings(envelope: CorrelatedBatch): finding.Finding[] {
  const told = (envelope.policy?.decisions ?? []).filter(({ action }) => action !== 'allow');
  const kept = told.slice(0, limits.policyFindingsPerBatchMax);
  if (kept.length < told.length) count(Metric.FindingsRefused, told.length - kept.length, { reason: 'too_many' });
  return kept.map((decision) => policyFinding(envelope, decision));
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

/**
 * Not by place in the batch: an alert is named after its first finding, and rows of several CPUs may stand in any order. Of what one event
 * shows the worst comes first, then in the order of rules, so that attacks that are alike are named alike.
 */
function byTime(a: finding.Finding, b: finding.Finding): number {
  if (a.timeUs !== b.timeUs) return a.timeUs < b.timeUs ? -1 : 1;
  if (a.severity !== b.severity) return b.severity - a.severity;
  return compare(a.ruleId, b.ruleId) || compare(a.id, b.id) || compare(a.summary, b.summary);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function distinct(findings: readonly finding.Finding[]): finding.Finding[] {
  const byId = new Map<string, finding.Finding>();
  for (const each of findings) if (!byId.has(each.id)) byId.set(each.id, each);
  return [...byId.values()];
}

function completed({ tenantId, hostId, batch }: HostBatch, reflex: finding.Finding): finding.Finding {
  const known = lineageOf(batch, reflex.processUid) ?? lineageOf(batch, reflex.scopeUid);
  const parentUid = parentOf(batch, processIndex(batch, reflex.scopeUid));
  const at = processIndex(batch, reflex.processUid);
  return create(finding.FindingSchema, {
    ...reflex,
    tenantId,
    hostId,
    lineageUid: known ?? reflex.scopeUid,
    parentUid,
    ...pidsOf(batch, at),
    process: foundProcess(batch, at),
    // Not the agent's to say.
    ruleAuthor: '',
    observed: false,
    exceptedBy: '',
    limited: false,
    hostIds: [],
  });
}
