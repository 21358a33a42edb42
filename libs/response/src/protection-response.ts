// Which actions an alert calls for. Pure: the responses that the tenant chose and what was answered already are passed in.
import { toHex } from '@norn/base';
import { finding } from '@norn/contracts';
import { policyResponseOf, type FindingResponse } from './policy/policy-finding.ts';

/** What is to be done, by protection: "ransomware", "fileless", "miner", "reverse-shell", "rule". */
export type ProtectionResponses = ReadonlyMap<string, FindingResponse>;

export interface Decision {
  readonly action: 'suspend' | 'kill' | 'restore';
  /** 32 hex each, in the order of the findings. */
  readonly scopeUids: readonly string[];
  readonly findingIds: readonly string[];
}

/** What commands of the alert have answered. */
export interface Answered {
  readonly findingIds: ReadonlySet<string>;
  /** 32 hex each: what restores that nobody undid were about. */
  readonly restoredScopes: readonly string[];
}

export const nothingAnswered: Answered = { findingIds: new Set(), restoredScopes: [] };

/** A kill must reach the host before the restore that follows it. */
const order = ['suspend', 'kill', 'restore'] as const;

/**
 * Decides what the findings call for that no command has answered yet: at most one decision an action, in the order they must run.
 * What is not in the table is observed. A restore is about what earlier ones were about as well: two scopes may have changed one
 * file by turns, and what the file was before both is known only to who looks at both.
 */
export function decideResponse(alert: finding.Alert, responses: ProtectionResponses, answered: Answered): Decision[] {
  const open = alert.findings.filter((each) => !answered.findingIds.has(each.id));
  return order.flatMap((action) => {
    const due = open.filter((each) => callsFor(each, action, responses));
    if (due.length === 0) return [];
    const earlier = action === 'restore' ? answered.restoredScopes : [];
    const scopeUids = [...new Set([...earlier, ...due.map((each) => toHex(each.scopeUid))])];
    return [{ action, scopeUids, findingIds: due.map((each) => each.id) }];
  });
}

/**
 * Whose work a restore takes back, whoever asks for it: the findings that policy answers with a restore, the same that it restores
 * by itself. Where it answers none so, a person who asks all the same means what it stops, else what the agent saw itself, else
 * what weighs enough to be acted on. A shell or a whole session that a finding only tells of is none of these.
 */
export function findingsToRestore(
  findings: readonly finding.Finding[],
  responses: ProtectionResponses,
): finding.Finding[] {
  const weighty = findings.filter(isWeighty);
  const candidates = [
    weighty.filter((each) => callsFor(each, 'restore', responses)),
    weighty.filter((each) => responseTo(each, responses) !== 'observe'),
    weighty.filter(({ source }) => source === finding.FindingSource.REFLEX),
    weighty,
  ];
  return candidates.find(({ length }) => length > 0) ?? [...findings];
}

function callsFor(each: finding.Finding, action: Decision['action'], responses: ProtectionResponses): boolean {
  return isWeighty(each) && actionsFor(each, responseTo(each, responses)).includes(action);
}

function isWeighty(each: finding.Finding): boolean {
  return each.severity >= finding.Severity.MEDIUM && !isWithheld(each);
}

/** A policy's rule that decided the event goes before the response of its protection. */
function responseTo(each: finding.Finding, responses: ProtectionResponses): FindingResponse {
  return policyResponseOf(each) ?? responses.get(protectionOf(each)) ?? 'observe';
}

/** The protection that a finding belongs to: `reflex.reverse_shell` → "reverse-shell", all rules → "rule". */
export function protectionOf(each: finding.Finding): string {
  if (each.source !== finding.FindingSource.REFLEX) return 'rule';
  return each.ruleId.replace(/^reflex\./, '').replaceAll('_', '-');
}

/** The agent, which saw the process itself, says why this must only be told of: what can be learned from here is less. */
function isWithheld({ evidence }: finding.Finding): boolean {
  return evidence.some(({ field }) => field === 'response.withheld');
}

function actionsFor(each: finding.Finding, response: FindingResponse): readonly Decision['action'][] {
  const rung = each.response?.rung ?? finding.ResponseRung.UNSPECIFIED;
  const dead = rung >= finding.ResponseRung.KILLED;
  switch (response) {
    case 'observe':
      return [];
    case 'suspend':
      return rung >= finding.ResponseRung.FROZEN ? [] : ['suspend'];
    case 'kill':
      return dead ? [] : ['kill'];
    case 'kill-and-remediate':
      return dead ? ['restore'] : ['kill', 'restore'];
  }
}
