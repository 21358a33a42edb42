// A rule of a policy as people see it: what it asks of whom, what it does, and how far hosts enforce it.
import { type MessageInitShape } from '@bufbuild/protobuf';
import type { view } from '@norn/contracts';
import { type HostEnforcement, type Policy, type PolicyRule, hostRulesOf } from '@norn/response';

/** Characters of what a rule asks. */
const ASKED_MAX = 600;

/** By name of a rule: how often it fired lately, and how often a host denied it. */
export type Firings = ReadonlyMap<string, { readonly fired: number; readonly denied: number }>;

type RuleInit = MessageInitShape<typeof view.PolicyRuleViewSchema>;

/** `firings` is undefined when it is not known. */
export function policyRuleViews(policy: Policy, firings: Firings | undefined, now: Date): RuleInit[] {
  const enforced = new Map(hostRulesOf(policy).enforcement.map((each) => [each.rule, each]));
  return policy.rules.map((rule) => ({
    ...ruleView(rule, enforced.get(rule.name), now),
    fired: firings === undefined ? -1 : (firings.get(rule.name)?.fired ?? 0),
    deniedCount: firings === undefined ? -1 : (firings.get(rule.name)?.denied ?? 0),
  }));
}

function ruleView(rule: PolicyRule, enforced: HostEnforcement | undefined, now: Date): RuleInit & object {
  const { name, kind, description, action, otherwise, observeUntil = '', cve = '', level, techniques } = rule;
  return {
    name,
    kind,
    description: description.trim(),
    asks: askedText(rule),
    subjects: subjectsText(rule),
    action,
    otherwise: action === 'deny' ? (otherwise ?? 'kill') : '',
    observeUntil,
    observesNow: observeUntil !== '' && now.getTime() < Date.parse(observeUntil) && action !== 'allow',
    cve,
    level: level ?? 'medium',
    techniques,
    denied: enforced?.denied ?? '',
    why: enforced?.why ?? '',
  };
}

function askedText({ kind, when }: PolicyRule): string {
  const asked = valueText(when[kind]);
  const operations = when.operations === undefined ? '' : ` (${when.operations.join(', ')})`;
  const not = when.not === undefined ? '' : `, but not ${valueText(when.not)}`;
  return cut(`${kind}${operations}${asked === '' ? '' : `: ${asked}`}${not}`);
}

/** Fields of a map all hold, of a list of maps any: `Image|endswith /nc or /ncat and Container|exists true`. */
function valueText(value: unknown): string {
  if (value === true || value === undefined) return '';
  if (Array.isArray(value)) return value.map(valueText).join(' or ');
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return Object.entries(value)
    .map(([field, wanted]) => `${field} ${wanted === true ? 'true' : valueText(wanted) || 'nothing'}`)
    .join(' and ');
}

function subjectsText({ subjects }: PolicyRule): string {
  const { hostGroup, containerImage, namespace, labels, user, program } = subjects;
  const labelled = labels && Object.entries(labels).map(([label, values]) => `${label}=${values.join('|')}`);
  const parts: [string, readonly (string | number)[] | undefined][] = [
    ['hosts', hostGroup],
    ['images', containerImage],
    ['namespaces', namespace],
    ['labels', labelled],
    ['users', user],
    ['below', program],
  ];
  return cut(parts.flatMap(([word, names]) => (names ? [`${word} ${names.join(', ')}`] : [])).join(' · '));
}

function cut(text: string): string {
  return text.length > ASKED_MAX ? `${text.slice(0, ASKED_MAX)}…` : text;
}
