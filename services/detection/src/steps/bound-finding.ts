// A finding comes from a host that may be in an attacker's hands: what is kept of it is bounded, what is not usable is refused.
import { create } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { limits } from '../limits.ts';

/** Why a finding can not be used; undefined when it can. */
export function refusalOf(each: finding.Finding): string | undefined {
  if (!/^[0-9a-f]{32}$/.test(each.id)) return 'id_malformed';
  if (each.processUid.length !== 16 || each.scopeUid.length !== 16) return 'uid_malformed';
  if (!/^[\w.-]{0,128}$/.test(each.containerId)) return 'container_malformed';
  if (each.timeUs < limits.timeUsMin || each.timeUs > limits.timeUsMax) return 'time_impossible';
  const isKnown = each.severity >= finding.Severity.INFORMATIONAL && each.severity <= finding.Severity.CRITICAL;
  return isKnown ? undefined : 'severity_unknown';
}

/** `policy.POLICY.RULE` is the longest. */
const ruleIdMax = 256;

/** The finding with everything cut to its limit. */
export function bounded(each: finding.Finding): finding.Finding {
  const { textMax, evidenceMax, techniquesMax, pidsMax } = limits.finding;
  return create(finding.FindingSchema, {
    ...each,
    ruleId: clean(each.ruleId, ruleIdMax),
    title: clean(each.title, 256),
    summary: clean(each.summary, textMax),
    techniques: each.techniques.slice(0, techniquesMax).map((technique) => clean(technique, 16)),
    evidence: each.evidence
      .slice(0, evidenceMax)
      .map((one) => ({ ...one, field: clean(one.field, 128), value: clean(one.value, textMax) })),
    ...(each.response && { response: { ...each.response, pids: each.response.pids.filter(isPid).slice(0, pidsMax) } }),
  });
}

function isPid(pid: number): boolean {
  return pid > 0 && pid <= limits.pidMax;
}

/** PostgreSQL takes no NUL in a text. */
function clean(text: string, max: number): string {
  return text.replaceAll('\0', '').slice(0, max);
}
