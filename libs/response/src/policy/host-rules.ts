// The part of a policy that a host decides by itself: what it can answer it denies or allows, everything else passes to the pipeline.
import { create } from '@bufbuild/protobuf';
import { policy as host } from '@norn/contracts';
import { questionOf, type Category, type Level, type Rule } from '@norn/rules';
import { sigmaRulesOf } from './compile-rule.ts';
import { type AskedEvent, type HostAnswer, hostAnswers } from './host-question.ts';
import { asPolicyError, type Policy, type PolicyRule } from './policy-file.ts';

const { HostAction, HostEvent } = host;
const US_PER_MS = 1000;

const eventsOf: Partial<Record<Category, readonly AskedEvent[]>> = {
  process_creation: [HostEvent.EXEC],
  network_connection: [HostEvent.CONNECT, HostEvent.BIND],
};

const levelNames: Readonly<Record<Level, string>> = {
  informational: 'info',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
};

/** What becomes of a rule that denies, on the hosts. */
export interface HostEnforcement {
  readonly rule: string;
  readonly denied: 'all' | 'part' | 'none';
  /** Where it is not all: why, what is not denied is left to `otherwise`. One sentence without a full stop. */
  readonly why: string;
}

export interface HostRules {
  readonly rules: readonly host.HostRule[];
  /** One for each rule of the policy that denies, in their order. */
  readonly enforcement: readonly HostEnforcement[];
}

/** Throws `policy_invalid`. */
export function hostRulesOf(policy: Policy): HostRules {
  const rules: host.HostRule[] = [];
  const enforcement: HostEnforcement[] = [];
  for (const rule of policy.rules) {
    const parts = partsOf(rule, policy);
    if (rule.action === 'deny') enforcement.push(enforcementOf(rule, parts, rules));
    rules.push(...parts.flatMap((part) => hostRules(rule, part, policy)));
  }
  return { rules, enforcement };
}

/** What a rule asks about one kind of event. */
interface Part {
  readonly event: AskedEvent;
  readonly sigma: Rule;
  /** What the host can judge as the pipeline does, and what it can not. */
  readonly exact: readonly HostAnswer[];
  readonly rest: readonly HostAnswer[];
}

function partsOf(rule: PolicyRule, policy: Policy): Part[] {
  return asPolicyError(() =>
    sigmaRulesOf(rule, policy).flatMap((sigma) => {
      const events = eventsOf[sigma.logsource.category as Category] ?? [];
      if (events.length === 0) return [];
      const question = questionOf(sigma);
      return events.map((event) => {
        const answers = hostAnswers(question, event);
        const [exact, rest] = [answers.filter(isExact), answers.filter((answer) => !isExact(answer))];
        return { event, sigma, exact, rest };
      });
    }),
  );
}

function isExact({ leftOut }: HostAnswer): boolean {
  return leftOut.length === 0;
}

/** What it denies or allows first: an event that both match is the rule's for certain. */
function hostRules(rule: PolicyRule, { event, sigma, exact, rest }: Part, policy: Policy): host.HostRule[] {
  const action = actionOf(rule);
  const steps =
    action === HostAction.PASS
      ? [{ action, answers: [...exact, ...rest] }]
      : [
          { action, answers: exact },
          { action: HostAction.PASS, answers: rest },
        ];
  const filled = steps.filter(({ answers }) => answers.length > 0);
  return filled.map((step) =>
    create(host.HostRuleSchema, {
      name: `${policy.policy}.${rule.name}`,
      event,
      action: step.action,
      actsFromUs: step.action === HostAction.DENY ? actsFromUs(rule) : 0n,
      any: matchesOf(step.answers),
      hostGroups: rule.subjects.hostGroup ?? [],
      text: { level: levelNames[sigma.level], techniques: [...sigma.techniques], summary: textOf(rule, policy) },
    }),
  );
}

function actionOf({ action }: PolicyRule): host.HostAction {
  if (action === 'deny') return HostAction.DENY;
  return action === 'allow' ? HostAction.ALLOW : HostAction.PASS;
}

function actsFromUs({ observeUntil }: PolicyRule): bigint {
  return observeUntil === undefined ? 0n : BigInt(Date.parse(observeUntil) * US_PER_MS);
}

/** None when one of them always holds. */
function matchesOf(answers: readonly HostAnswer[]): { all: host.HostTest[] }[] {
  if (answers.some(({ tests }) => tests.length === 0)) return [];
  return answers.map(({ tests }) => ({ all: [...tests] }));
}

function textOf({ name, cve }: PolicyRule, { policy }: Policy): string {
  return `rule ${name} of policy ${policy}${cve === undefined ? '' : ` (${cve})`}`;
}

function enforcementOf(rule: PolicyRule, parts: readonly Part[], before: readonly host.HostRule[]): HostEnforcement {
  const { name } = rule;
  if (parts.length === 0)
    return { rule: name, denied: 'none', why: 'hosts are asked about programs and connections, not about files' };
  const asked = parts.filter(({ exact, rest }) => exact.length + rest.length > 0);
  const leftOut = new Set(asked.flatMap(({ rest }) => rest.flatMap((answer) => answer.leftOut)));
  const denying = asked.filter(({ exact }) => exact.length > 0);
  const hiders = denying.flatMap(({ event }) => hiderOf(event, before) ?? []);
  if (denying.length > 0 && hiders.length === denying.length)
    return {
      rule: name,
      denied: 'none',
      why: `of ${hiders[0]?.name}, which comes before it, hosts can judge nothing: put this rule first`,
    };
  if (leftOut.size === 0) return { rule: name, denied: 'all', why: '' };
  const why = `before it happens hosts do not know ${[...leftOut].join(', ')}`;
  return { rule: name, denied: denying.length > 0 ? 'part' : 'none', why };
}

/** A rule before it that takes every event of the kind on all hosts. */
function hiderOf(event: AskedEvent, before: readonly host.HostRule[]): host.HostRule | undefined {
  return before.find((each) => each.event === event && each.any.length === 0 && each.hostGroups.length === 0);
}
