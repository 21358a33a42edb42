// A tenant's policy: what is in force, what was, and what takes its place.
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import type { view } from '@norn/contracts';
import { parsePolicy, testPolicy, unsignedHostPolicy } from '@norn/response';
import {
  type PolicyVersion,
  applyPolicy,
  policyHistory,
  policyInForce,
  policyVersion,
  rollbackPolicy,
} from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { PolicyFirings } from './policy-firings.ts';
import { wrongText } from './policy-trials.ts';
import { noPolicy, policyList, policyView } from './policy.view.ts';

/** What errors call the file that a request brought. */
const FILE = 'policy.yml';

@Injectable()
export class PolicyService {
  constructor(
    private readonly database: DataSource,
    private readonly firings: PolicyFirings,
  ) {}

  async inForce(tenantId: string): Promise<view.PolicyView> {
    const version = await policyInForce(this.database, tenantId);
    return version === null ? noPolicy() : this.shown(tenantId, version, version.number);
  }

  /** Throws `policy_unknown`. */
  async version(tenantId: string, number: number): Promise<view.PolicyView> {
    const [version, inForce] = await Promise.all([
      policyVersion(this.database, tenantId, number),
      policyInForce(this.database, tenantId),
    ]);
    return this.shown(tenantId, version, inForce?.number ?? 0);
  }

  async history(tenantId: string): Promise<view.PolicyHistory> {
    return policyList(await policyHistory(this.database, tenantId));
  }

  /** Throws `policy_invalid`, `policy_too_large`, and `policy_tests_wrong` when its own tests say that it does not do what it should. */
  async apply({ tenantId, userName }: Principal, body: string): Promise<view.PolicyView> {
    const policy = parsePolicy(FILE, body);
    const { wrong, right, total } = testPolicy(policy);
    const [first] = wrong;
    if (first !== undefined) {
      throw new NornError(
        'policy_tests_wrong',
        `${right} of ${total} tests are right: ${wrongText(first)}: correct the rule or the test`,
      );
    }
    const change = { tenantId, actor: userName, name: policy.policy, body };
    const version = await applyPolicy(this.database, change, unsignedHostPolicy);
    return this.shown(tenantId, version, version.number);
  }

  /** What once was in force was judged then. Throws `policy_unknown`. */
  async rollback({ tenantId, userName }: Principal, number: number): Promise<view.PolicyView> {
    const change = { tenantId, actor: userName, number };
    const version = await rollbackPolicy(this.database, change, unsignedHostPolicy);
    return this.shown(tenantId, version, version.number);
  }

  private async shown(tenantId: string, version: PolicyVersion, numberInForce: number): Promise<view.PolicyView> {
    const firings = await this.firings.of(tenantId, version.name);
    return policyView(version, numberInForce, { firings, now: new Date() });
  }
}
