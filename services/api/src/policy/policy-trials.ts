// Tries a policy that is not in force: its own tests, what hosts would deny, and what its rules find in the events of the last day.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { view } from '@norn/contracts';
import { create } from '@bufbuild/protobuf';
import { type Policy, type WrongDecision, detectionsOf, parsePolicy, testPolicy } from '@norn/response';
import { policyInForce } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { HuntReader } from '../model/hunting/hunt-reader.ts';
import { policySummary } from './policy.view.ts';
import { policyRuleViews } from './policy-rules.view.ts';

const DAY_MS = 24 * 3_600_000;
/** Rules that are looked for, each a question to the store, and for how long in all, ms. */
const SEARCHED_MAX = 100;
const SEARCH_MS = 20_000;

@Injectable()
export class PolicyTrials {
  constructor(
    private readonly database: DataSource,
    private readonly hunts: HuntReader,
  ) {}

  /** Throws `policy_invalid`. */
  async try(asking: Principal, body: string, signal?: AbortSignal): Promise<view.PolicyTrialView> {
    const policy = parsePolicy('policy.yml', body);
    const { wrong, right, total, untested } = testPolicy(policy);
    const { dryRun, unsearched } = await this.search(asking, policy, signal);
    return create(view.PolicyTrialViewSchema, {
      policy: {
        name: policy.policy,
        body,
        summary: policySummary(policy),
        rules: policyRuleViews(policy, undefined, new Date()),
      },
      testsRight: right,
      testsTotal: total,
      wrong: wrong.map(wrongText),
      untested: [...untested],
      dryRun,
      unsearched,
    });
  }

  /** Each rule by itself: what an earlier one would take is counted for both. */
  private async search(asking: Principal, policy: Policy, signal?: AbortSignal) {
    const now = await this.actionsNow(asking.tenantId);
    const until = Date.now();
    const window = { sinceUs: (until - DAY_MS) * 1000, untilUs: until * 1000 };
    const dryRun: DryRun[] = [];
    const unsearched: string[] = [];
    for (const [at, rule] of policy.rules.entries()) {
      if (at >= SEARCHED_MAX || Date.now() > until + SEARCH_MS || signal?.aborted === true) {
        unsearched.push(`${policy.rules.length - at} more rules: it takes too long`);
        break;
      }
      try {
        const events = await this.hunts.count(asking.tenantId, detectionsOf(rule, policy), window, signal);
        dryRun.push({ rule: rule.name, action: rule.action, events, actionNow: now.get(rule.name) ?? '' });
      } catch (error) {
        unsearched.push(`${rule.name}: ${messageOf(error)}`);
      }
    }
    return { dryRun, unsearched };
  }

  private async actionsNow(tenantId: string): Promise<ReadonlyMap<string, string>> {
    const version = await policyInForce(this.database, tenantId);
    if (version === null) return new Map();
    try {
      return new Map(parsePolicy('policy.yml', version.body).rules.map(({ name, action }) => [name, action]));
    } catch {
      return new Map(); // Of a version that was written for another Norn.
    }
  }
}

interface DryRun {
  readonly rule: string;
  readonly action: string;
  readonly events: number;
  readonly actionNow: string;
}

/** Also of a policy that is refused for it. */
export function wrongText({ rule, expected, got, event }: WrongDecision): string {
  return `${rule} ${expected === 'match' ? `leaves to ${got}` : 'takes'} ${JSON.stringify(event)}`;
}
