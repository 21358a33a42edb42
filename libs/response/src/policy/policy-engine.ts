// Decides each event of a batch by a policy: the first rule that matches it, in the order of the file.
import { RuleEngine, type MatchEvidence, type Rule, type RuleBatch, type RuleMatch as EventMatch } from '@norn/rules';
import { sigmaRulesOf } from './compile-rule.ts';
import { nameTest, type NameTest } from './name-pattern.ts';
import { asPolicyError, type Policy, type PolicyAction, type PolicyRule } from './policy-file.ts';

/** Matches of all rules over one batch, before the first of each event is taken. */
const MATCHES_MAX = 65_536;
const US_PER_MS = 1000;
/** Of a system call. Source: errno(3). */
const EPERM = 1;

/** Where a batch comes from. */
export interface PolicyHost {
  /** The groups it is in, its own name among them. */
  readonly groups: readonly string[];
  /** Unix µs of the event at a row: a staged rule is judged by it. */
  timeUsOf(row: number): number;
}

/** What a policy says about one event. */
export interface PolicyDecision {
  readonly row: number;
  readonly rule: PolicyRule;
  /** What the rule was made into. */
  readonly detection: Rule;
  /** The rule's, or `observe` while it is staged. */
  readonly action: PolicyAction;
  /** It will do more from its date on. */
  readonly isStaged: boolean;
  readonly evidence: readonly MatchEvidence[];
  /** What happened, one sentence, without a full stop. */
  readonly summary: string;
}

export interface PolicyDecisions {
  /** By row; an event that no rule matches has none, and the protections' own responses hold. */
  readonly decisions: readonly PolicyDecision[];
  /** Matches that were too many to be looked at. */
  readonly refused: number;
}

interface OrderedRule {
  readonly rule: PolicyRule;
  readonly order: number;
  /** Unix µs; 0 when it is not staged. */
  readonly stagedUntilUs: number;
  readonly isOfHost: NameTest;
}

export class PolicyEngine {
  private readonly engine: RuleEngine;
  private readonly ordered = new Map<Rule, OrderedRule>();

  /** Throws `policy_invalid` for a field, modifier or value that is not known. */
  constructor(readonly policy: Policy) {
    policy.rules.forEach((rule, order) => {
      const stagedUntilUs = rule.observeUntil === undefined ? 0 : Date.parse(rule.observeUntil) * US_PER_MS;
      const entry = { rule, order, stagedUntilUs, isOfHost: hostTest(rule) };
      for (const sigma of sigmaRulesOf(rule, policy)) this.ordered.set(sigma, entry);
    });
    this.engine = asPolicyError(() => new RuleEngine([...this.ordered.keys()], { matchesMax: MATCHES_MAX }));
  }

  /** Pure: the same batch of the same host is decided the same. */
  decide(batch: RuleBatch, host: PolicyHost): PolicyDecisions {
    const { matches, refused } = this.engine.evaluate(batch);
    const first = new Map<number, { entry: OrderedRule; match: EventMatch }>();
    for (const match of matches) {
      const entry = this.ordered.get(match.rule);
      if (!entry?.isOfHost(host.groups)) continue;
      const before = first.get(match.row);
      if (before === undefined || entry.order < before.entry.order) first.set(match.row, { entry, match });
    }
    const rows = [...first.values()].sort((a, b) => a.match.row - b.match.row);
    const decided = rows.map(({ entry, match }) => decisionOf(entry, match, host));
    return { decisions: decided.filter((each) => !wasDenied(each, batch)), refused };
  }
}

/** The host has refused it, and tells of that itself. */
function wasDenied({ rule, row }: PolicyDecision, { result }: RuleBatch): boolean {
  return rule.action === 'deny' && result[row] === -EPERM;
}

function hostTest({ subjects: { hostGroup } }: PolicyRule): NameTest {
  return hostGroup === undefined ? () => true : nameTest(hostGroup);
}

function decisionOf(
  { rule, stagedUntilUs }: OrderedRule,
  { row, rule: detection, evidence, summary }: EventMatch,
  host: PolicyHost,
): PolicyDecision {
  const isStaged = host.timeUsOf(row) < stagedUntilUs && rule.action !== 'allow';
  return { row, rule, detection, action: isStaged ? 'observe' : rule.action, isStaged, evidence, summary };
}
