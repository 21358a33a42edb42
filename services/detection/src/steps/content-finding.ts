// What rules and correlations found, as findings. Ids follow from the content alone.
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { type BatchView, finding } from '@norn/contracts';
import { type PolicyDecision, sayDecision } from '@norn/response';
import type { BroughtState, Level, RuleMatch } from '@norn/rules';
import { createHash } from 'node:crypto';
import { limits } from '../limits.ts';
import { foundProcess, lineageOf, parentOf, pidsOf } from './batch-processes.ts';
import type { BroughtRuleSet } from '../ports/brought-rules.port.ts';
import type { Correlated, HostBatch, JudgedBatch } from './envelope.ts';

const severities: Readonly<Record<Level, finding.Severity>> = {
  informational: finding.Severity.INFORMATIONAL,
  low: finding.Severity.LOW,
  medium: finding.Severity.MEDIUM,
  high: finding.Severity.HIGH,
  critical: finding.Severity.CRITICAL,
};

export function ruleFinding(envelope: JudgedBatch, match: RuleMatch): finding.Finding {
  const { tenantId, hostId, batch } = envelope;
  const { rule, row } = match;
  const place = placeOf(batch, row);
  const state = envelope.brought?.states.get(rule.id);
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
    ...pidsOf(batch, batch.columns.process[row] ?? 0),
    process: foundProcess(batch, batch.columns.process[row] ?? 0),
    tenantId,
    hostId,
    ruleAuthor: state === undefined ? '' : (rule.author ?? ''),
    observed: state === 'observe' || isLetBe(envelope, row),
  });
}

/** Its version is that of the policy as the tenant put it in force. */
export function policyFinding(envelope: JudgedBatch, decision: PolicyDecision): finding.Finding {
  const { evidence, summary, observed } = sayDecision(decision);
  const rule = { ...decision.detection, version: envelope.policy?.number ?? 0 };
  const told = ruleFinding(envelope, { rule, row: decision.row, evidence, summary });
  return create(finding.FindingSchema, { ...told, observed });
}

/** The same rule on the same evidence of the same process is the same finding, however often it happens. */
function ruleFindingId({ tenantId, hostId }: HostBatch, match: RuleMatch, processUid: Uint8Array): string {
  const { rule, evidence } = match;
  const parts = ['finding', tenantId, hostId, rule.id, String(rule.version), toHex(processUid)];
  return hashOf([...parts, ...evidence.flatMap(({ field, value }) => [field, value])]);
}

/** First 16 bytes of SHA-256, hex. */
function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
}

/** The tenant's policy allows the event, or only wants it observed: other rules open no alert for it. */
export function isLetBe({ policy }: JudgedBatch, row: number): boolean {
  const decision = policy?.decisions.find((each) => each.row === row);
  return decision !== undefined && ['allow', 'observe'].includes(decision.rule.action);
}

function placeOf({ columns }: BatchView, row: number): { processUid: Uint8Array; containerId: string } {
  const { processes, containers, strings } = columns;
  const process = columns.process[row] ?? 0;
  return {
    processUid: processes.uid.slice(process * 16, process * 16 + 16),
    containerId: strings.text(containers.id[processes.container[process] ?? 0] ?? 0),
  };
}

/** Who did the last of it is who it is about; what each event was is its evidence. */
export function correlationFinding(
  { tenantId, hostId, brought }: Pick<JudgedBatch, 'tenantId' | 'hostId' | 'brought'>,
  correlated: Correlated,
): finding.Finding {
  return correlationContent(correlated, {
    key: ['correlation', tenantId, hostId],
    state: brought?.states.get(correlated.match.rule.id),
  });
}

/** Of a correlation over all hosts of a tenant: it stands with the host of its last event and names all of them. */
export function tenantFinding(
  tenantId: string,
  correlated: Correlated,
  brought: BroughtRuleSet | undefined,
): finding.Finding {
  const state = brought?.states.get(correlated.match.rule.id);
  const content = correlationContent(correlated, { key: ['tenant correlation', tenantId], state });
  const hosts = correlated.match.events.map(({ about }) => about.hostId);
  return { ...content, tenantId, hostIds: [...new Set(hosts)].slice(0, limits.finding.hostsMax) };
}

interface CorrelationPlace {
  /** What tells it from others of the same rule and group. */
  readonly key: readonly string[];
  /** Absent: it is one of Norn's own. */
  readonly state: BroughtState | undefined;
}

function correlationContent(correlated: Correlated, { key, state }: CorrelationPlace): finding.Finding {
  const { rule, events, group } = correlated.match;
  const parts = events.map(({ about }) => about);
  const last = parts.at(-1) ?? create(finding.FindingSchema);
  const techniques = new Set([...rule.techniques, ...parts.flatMap((part) => part.techniques)]);
  return create(finding.FindingSchema, {
    ...last,
    id: hashOf([...key, rule.id, String(rule.version), events[0]?.id ?? '', ...group.flat()]),
    ruleId: rule.id,
    title: rule.title,
    ruleVersion: rule.version,
    severity: severities[rule.level],
    techniques: [...techniques].slice(0, limits.finding.techniquesMax),
    evidence: correlationEvidence(correlated),
    summary: correlationSummary(correlated),
    ruleAuthor: state === undefined ? '' : (rule.author ?? ''),
    observed: state === 'observe' || last.observed,
  });
}

function correlationEvidence({ match: { rule, events, group, measure }, eventsLost }: Correlated): finding.Evidence[] {
  const steps = events.map(({ about }) => ['event', about.summary] as const);
  const lost = eventsLost > 0 ? [['events.lost', String(eventsLost)] as const] : [];
  const all = [...group, [rule.type, String(measure)] as const, ...lost, ...steps];
  return all
    .slice(0, limits.finding.evidenceMax)
    .map(([field, value]) => create(finding.EvidenceSchema, { field, value }));
}

/** The rule's sentence; without one, what happened first, and then. */
function correlationSummary({ match: { rule, events, group, measure } }: Correlated): string {
  const values = new Map([...group, ['count', String(measure)]]);
  const own = rule.summary?.replace(/\{(\w+)\}/g, (_, name: string) => values.get(name) ?? '');
  const told = [...new Set(events.map(({ about }) => about.summary))];
  return (own ?? told.join(', then ')).slice(0, limits.finding.textMax);
}
