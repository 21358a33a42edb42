// What an alert says: made from its findings alone, so that the same findings in the same order give the same alert.
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { type BatchView, type event, finding } from '@norn/contracts';
import { createHash } from 'node:crypto';
import { limits } from '../limits.ts';
import { storyOf } from './alert-story.ts';
import { imagePathOf } from '../steps/batch-processes.ts';
import { isToBeStopped } from '../steps/limit-findings.step.ts';

/** Path of the image of the process that a finding blames; empty when it is not known. */
export type NameOf = (each: finding.Finding) => string;

export function nameIn(batch: BatchView): NameOf {
  return ({ scopeUid, processUid }) => imagePathOf(batch, scopeUid) || imagePathOf(batch, processUid);
}

/** A new alert around its first finding; its version is set when the batch is done. */
export function openAlert(first: finding.Finding, nameOf: NameOf): finding.Alert {
  const { tenantId, hostId } = first;
  const empty = create(finding.AlertSchema, {
    id: alertId(tenantId, hostId, first),
    tenantId,
    hostId,
    containerId: first.containerId,
    lineageUid: first.lineageUid,
    createdAtUs: first.timeUs,
    updatedAtUs: first.timeUs,
  });
  return addFinding(empty, first, nameOf);
}

/** The alert with one more finding. */
export function addFinding(alert: finding.Alert, each: finding.Finding, nameOf: NameOf): finding.Alert {
  const findingsTotal = Math.min(alert.findingsTotal + 1, limits.findingsCountedMax);
  const findings = withFinding(alert.findings, each);
  if (findings === alert.findings && findingsTotal === alert.findingsTotal) return alert;
  const grown = {
    ...alert,
    findings,
    findingsTotal,
    ...storyOf(findings, headOf(findings)),
    createdAtUs: each.timeUs < alert.createdAtUs ? each.timeUs : alert.createdAtUs,
    updatedAtUs: each.timeUs > alert.updatedAtUs ? each.timeUs : alert.updatedAtUs,
  };
  return speaksFor(each, alert) ? { ...grown, ...headline(each, nameOf) } : grown;
}

/** With the container's name and image, when the facts have them and the alert has not. */
export function addContainerFact(alert: finding.Alert, facts: readonly event.ContainerFact[]): finding.Alert {
  if (alert.containerId === '' || alert.containerName !== '') return alert;
  const fact = facts.find((each) => each.containerId === alert.containerId);
  if (!fact || (fact.name === '' && fact.image === '')) return alert;
  return { ...alert, containerName: fact.name, containerImage: fact.image };
}

/** First 16 bytes of SHA-256 over tenant, host, lineage and the first finding, hex. */
function alertId(tenantId: string, hostId: string, first: finding.Finding): string {
  const parts = ['alert', tenantId, hostId, toHex(first.lineageUid), first.id];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
}

/** Of those that weigh most the first. */
function headOf(findings: readonly finding.Finding[]): finding.Finding {
  return findings.reduce((head, each) => (weight(each) > weight(head) ? each : head));
}

/** The finding gives the alert its title: the first one, then whichever weighs more. */
function speaksFor(each: finding.Finding, alert: finding.Alert): boolean {
  if (alert.findings.length === 0) return true;
  return alert.findings.every((known) => weight(each) > weight(known));
}

/** Severity first, then what was acted upon by a reflex. */
function weight(each: finding.Finding): number {
  return each.severity * 2 + (isReflex(each) ? 1 : 0);
}

function isReflex(each: finding.Finding): boolean {
  return each.source === finding.FindingSource.REFLEX;
}

function headline(each: finding.Finding, nameOf: NameOf): Partial<finding.Alert> {
  const processName = nameOf(each);
  return { title: each.title, scopeUid: each.scopeUid, ...(processName ? { processName } : {}) };
}

/** The same list when there is no room for it: what says less gives way, the last of it first. */
function withFinding(findings: finding.Finding[], each: finding.Finding): finding.Finding[] {
  if (findings.length < limits.findingsPerAlertMax) return [...findings, each];
  const least = Math.min(...findings.map(rank));
  if (rank(each) <= least) return findings;
  const last = findings.findLastIndex((known) => rank(known) === least);
  return [...findings.slice(0, last), ...findings.slice(last + 1), each];
}

/** Whether the alert can list it, if it must: what is to be answered is, and an answer asks for the findings that are listed. */
export function hasPlaceFor(alert: finding.Alert, each: finding.Finding): boolean {
  if (!isAnswered(each) || alert.findings.length < limits.findingsPerAlertMax) return true;
  return alert.findings.some((known) => !isAnswered(known));
}

/** What is answered comes first, then what may open an alert. */
function rank(each: finding.Finding): number {
  if (isAnswered(each)) return 2;
  return each.severity >= finding.Severity.MEDIUM ? 1 : 0;
}

/** By a reflex already, or because the tenant's policy wants it. */
function isAnswered(each: finding.Finding): boolean {
  return isReflex(each) || isToBeStopped(each);
}
