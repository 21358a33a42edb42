// What is said of a host that is missing: a finding like those of rules, of the installation itself.
import { create } from '@bufbuild/protobuf';
import { finding, occurrence } from '@norn/contracts';
import { createHash } from 'node:crypto';
import { limits } from '../limits.ts';

const { HostTrouble_Kind: Kind } = occurrence;

interface TroubleRule {
  readonly id: string;
  readonly title: string;
  readonly severity: finding.Severity;
  readonly say: (host: string, since: string) => string;
}

const silent: TroubleRule = {
  id: 'norn.host_silent',
  title: 'Host fell silent',
  severity: finding.Severity.HIGH,
  say: (host, since) =>
    `Nothing was heard from ${host} since ${since}: the host is down, cut off, or its agent was ended without a farewell`,
};
const stopped: TroubleRule = {
  id: 'norn.agent_stopped',
  title: 'Agent was stopped',
  severity: finding.Severity.HIGH,
  say: (host, since) =>
    `The agent on ${host} was stopped in order by ${since}, and no maintenance of the host had been announced (./norn hosts maintenance)`,
};
const unprotected: TroubleRule = {
  id: 'norn.host_unprotected',
  title: 'Host without protection',
  severity: finding.Severity.HIGH,
  say: (host, since) => `${host} says that the part of the agent that protects it does not run since ${since}`,
};

const ended: TroubleRule = {
  id: 'norn.agent_ended',
  title: 'Agent ended and was started again',
  severity: finding.Severity.MEDIUM,
  say: (host, since) => `A part of the agent on ${host} ended without a farewell by ${since} and was started again`,
};

const replaced: TroubleRule = {
  id: 'norn.agent_replaced',
  title: 'Another agent speaks for a host',
  severity: finding.Severity.CRITICAL,
  say: (host, since) =>
    `Since ${since} an agent speaks for ${host} that does not know the one before: the key of the host was copied, or its disk was set back. If nobody did the latter, revoke the host and let it join again`,
};

const refused: TroubleRule = {
  id: 'norn.agent_stop_refused',
  title: 'Stop of an agent refused',
  severity: finding.Severity.MEDIUM,
  say: (host, since) =>
    `Somebody gave a wrong maintenance token to stop the agent on ${host} by ${since}, and was refused (./norn hosts token)`,
};

const rules = [silent, stopped, unprotected, ended, replaced, refused];
const troubleRules: ReadonlySet<string> = new Set(rules.map(({ id }) => id));

/** ATT&CK: Impair Defenses, Disable or Modify Tools. */
const techniques = ['T1562.001'];

/** Undefined of a kind that this version does not know. No process did it that is known. The same trouble is the same finding, whoever tells of it. */
export function troubleFinding(
  tenantId: string,
  { what, sentUs }: occurrence.TenantRecord,
): finding.Finding | undefined {
  if (what.case !== 'trouble') return undefined;
  const { hostId, hostName, kind, sinceUs } = what.value;
  const rule = {
    [Kind.UNSPECIFIED]: undefined,
    [Kind.SILENT]: silent,
    [Kind.STOPPED]: stopped,
    [Kind.UNPROTECTED]: unprotected,
    [Kind.ENDED]: ended,
    [Kind.REPLACED]: replaced,
    [Kind.STOP_REFUSED]: refused,
  }[kind];
  if (rule === undefined) return undefined;
  const since = new Date(Number(sinceUs / 1000n)).toISOString();
  return create(finding.FindingSchema, {
    id: idOf(['trouble', tenantId, hostId, rule.id, String(sinceUs)]),
    ruleId: rule.id,
    title: rule.title,
    ruleVersion: 1,
    source: finding.FindingSource.RULE,
    severity: rule.severity,
    techniques,
    timeUs: sentUs,
    summary: rule.say(hostName || hostId, clockOf(since)),
    evidence: [
      create(finding.EvidenceSchema, { field: 'host', value: hostName || hostId }),
      create(finding.EvidenceSchema, { field: 'since', value: since }),
    ],
    tenantId,
    hostId,
    hostIds: [hostId],
  });
}

/** Of an alert that has more than one trouble of a kind: how often it happened, and when last. Undefined of any other. */
export function repeatOf(findings: readonly finding.Finding[]): string | undefined {
  const [first, second] = findings;
  if (first === undefined || second === undefined || !troubleRules.has(first.ruleId)) return undefined;
  const last = findings.reduce((latest, each) => (sinceOf(each) > sinceOf(latest) ? each : latest));
  const hosts = new Set(findings.map(({ hostId }) => hostId)).size;
  const atLeast = findings.length < limits.findingsPerAlertMax ? '' : 'at least ';
  const onHosts = hosts > 1 ? ` on ${hosts} hosts` : '';
  const onLast = hosts > 1 ? ` on ${evidenceOf(last, 'host')}` : '';
  return `${atLeast}${findings.length} times${onHosts}, last${onLast} at ${clockOf(sinceOf(last))}`;
}

function sinceOf(each: finding.Finding): string {
  return evidenceOf(each, 'since');
}

function evidenceOf({ evidence }: finding.Finding, field: string): string {
  return evidence.find((one) => one.field === field)?.value ?? '';
}

/** Of ISO 8601 in UTC. */
function clockOf(since: string): string {
  return `${since.slice(11, 19)} UTC`;
}

/** First 16 bytes of SHA-256, hex. */
function idOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
}
