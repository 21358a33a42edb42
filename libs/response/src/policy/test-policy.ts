// The tests that stand in a policy: events that a rule must decide, and events that it must not.
import { buildRuleBatch, type TestEvent } from '@norn/rules';
import { NornError, messageOf } from '@norn/base';
import type { Policy, PolicyKind, PolicyRule } from './policy-file.ts';
import { PolicyEngine } from './policy-engine.ts';

/** A test event that was decided otherwise than its rule says. */
export interface WrongDecision {
  readonly rule: string;
  readonly expected: 'match' | 'nomatch';
  readonly event: TestEvent;
  /** Who decided it instead, for people. */
  readonly got: string;
}

export interface PolicyTestReport {
  readonly rules: number;
  readonly right: number;
  readonly total: number;
  readonly wrong: readonly WrongDecision[];
  /** Names of rules without any test. */
  readonly untested: readonly string[];
}

/** What an event is when it does not say so. */
const eventKinds: Readonly<Record<PolicyKind, string>> = {
  exec: 'exec',
  hash: 'exec',
  drift: 'exec',
  file: 'file_open',
  canary: 'file_open',
  network: 'net_connect',
};

/**
 * A match is an event that the whole policy leaves to this rule: one that an earlier rule takes is wrong as well. `HostGroup` of an event
 * names the groups of its host. Throws `policy_invalid`.
 */
export function testPolicy(policy: Policy): PolicyTestReport {
  const engine = new PolicyEngine(policy);
  const wrong = policy.rules.flatMap((rule) => [
    ...rule.tests.match.flatMap((event, at) => wrongOf(engine, rule, { event, at, expected: 'match' })),
    ...rule.tests.nomatch.flatMap((event, at) => wrongOf(engine, rule, { event, at, expected: 'nomatch' })),
  ]);
  const countOf = ({ tests }: PolicyRule): number => tests.match.length + tests.nomatch.length;
  const total = policy.rules.reduce((sum, rule) => sum + countOf(rule), 0);
  return {
    rules: policy.rules.length,
    right: total - wrong.length,
    total,
    wrong,
    untested: policy.rules.filter((rule) => countOf(rule) === 0).map(({ name }) => name),
  };
}

interface Trial extends Pick<WrongDecision, 'event' | 'expected'> {
  readonly at: number;
}

function wrongOf(engine: PolicyEngine, rule: PolicyRule, { event, at, expected }: Trial): WrongDecision[] {
  const [decision] = decide(engine, rule, event, `${expected}.${at}`);
  const isMine = decision?.rule.name === rule.name;
  if (isMine === (expected === 'match')) return [];
  return [{ rule: rule.name, expected, event, got: decision?.rule.name ?? 'no rule' }];
}

function decide(engine: PolicyEngine, rule: PolicyRule, event: TestEvent, key: string) {
  const { HostGroup: groups, ...fields } = event;
  // Long after any date a rule may be staged until.
  const host = { groups: [groups ?? []].flat().map(String), timeUsOf: () => Number.MAX_SAFE_INTEGER };
  try {
    return engine.decide(buildRuleBatch([{ EventKind: eventKinds[rule.kind], ...fields }]), host).decisions;
  } catch (error) {
    const { file, line, construct } = rule.place(['tests', ...key.split('.')]);
    throw new NornError('policy_invalid', `${file}:${line}: ${construct}: ${messageOf(error)}`, { cause: error });
  }
}
