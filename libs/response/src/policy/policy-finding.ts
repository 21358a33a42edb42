// How a policy's decision travels in a finding: what it says, and what it asks to be done.
import { finding } from '@norn/contracts';
import type { PolicyDecision } from './policy-engine.ts';
import type { PolicyRule } from './policy-file.ts';

/** What is to be done about a finding. */
export type FindingResponse = 'observe' | 'suspend' | 'kill' | 'kill-and-remediate';

/** Ids of rules that a policy's rules are made into begin with it; others' ids are UUIDs or the agent's `reflex.`. */
const RULE_PREFIX = 'policy.';
const RESPONSE_FIELD = 'policy.response';

const responses: ReadonlySet<string> = new Set<FindingResponse>(['observe', 'suspend', 'kill', 'kill-and-remediate']);

const done: Readonly<Record<FindingResponse, string>> = {
  observe: 'only told of',
  suspend: 'suspended',
  kill: 'killed',
  'kill-and-remediate': 'killed and undone',
};

export interface SaidDecision {
  readonly evidence: readonly { readonly field: string; readonly value: string }[];
  readonly summary: string;
  /** It is kept and opens no alert. */
  readonly observed: boolean;
}

/** What a finding says of a decision: what happened, the rule, and where that is less than the rule asks for, why. */
export function sayDecision({ rule, action, isStaged, evidence, summary }: PolicyDecision): SaidDecision {
  const response = isStaged ? 'observe' : responseOf(rule);
  const cve = rule.cve === undefined ? [] : [{ field: 'policy.cve', value: rule.cve }];
  return {
    evidence: [
      ...evidence,
      { field: 'policy.action', value: rule.action },
      { field: RESPONSE_FIELD, value: response },
      ...cve,
    ],
    summary: `${summary}${remark(rule, response, isStaged)}`,
    observed: action === 'observe',
  };
}

function remark({ action, observeUntil = '' }: PolicyRule, response: FindingResponse, isStaged: boolean): string {
  if (isStaged) return ` (only observed until ${observeUntil})`;
  return action === 'deny' ? ` (denied where the host can: here ${done[response]})` : '';
}

/** What is to be denied and yet happened got through to here: it is answered with what the rule says otherwise. */
function responseOf({ action, otherwise = 'kill' }: PolicyRule): FindingResponse {
  const asked = action === 'deny' ? otherwise : action;
  return isResponse(asked) ? asked : 'observe';
}

function isResponse(text: string): text is FindingResponse {
  return responses.has(text);
}

/** A rule of the tenant's policy made it, here or on the host. */
export function isOfPolicy({ ruleId }: finding.Finding): boolean {
  return ruleId.startsWith(RULE_PREFIX);
}

/** The host did not let it happen: who tried it lives on. */
export function isDenied({ response }: finding.Finding): boolean {
  return response?.rung === finding.ResponseRung.DENIED;
}

/** What the policy that made the finding wants done; undefined when none did, and the protections' responses hold. */
export function policyResponseOf(each: finding.Finding): FindingResponse | undefined {
  if (!isOfPolicy(each)) return undefined;
  const { source, evidence } = each;
  // A host tells of what it has denied: there is nothing left to be done.
  if (source === finding.FindingSource.REFLEX) return 'observe';
  const asked = evidence.find(({ field }) => field === RESPONSE_FIELD)?.value ?? '';
  return isResponse(asked) ? asked : 'observe';
}
