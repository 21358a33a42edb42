// A tenant's policy: what is in force, what was, and what takes its place.
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { parsePolicy, testPolicy } from '@norn/response';
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
import { wrongText } from './policy-trials.ts';
import { SigningKey } from '../model/signing-key.ts';

/** What errors call the file that a request brought. */
const FILE = 'policy.yml';

@Injectable()
export class Policies {
  constructor(
    private readonly database: DataSource,
    private readonly signingKey: SigningKey,
  ) {}

  inForce(tenantId: string): Promise<PolicyVersion | null> {
    return policyInForce(this.database, tenantId);
  }

  version(tenantId: string, number: number): Promise<PolicyVersion> {
    return policyVersion(this.database, tenantId, number);
  }

  history(tenantId: string): Promise<PolicyVersion[]> {
    return policyHistory(this.database, tenantId);
  }

  /** Throws `policy_invalid`, `policy_too_large`, and `policy_tests_wrong` when its own tests say that it does not do what it should. */
  async apply({ tenantId, userName }: Principal, body: string): Promise<PolicyVersion> {
    const policy = parsePolicy(FILE, body);
    const { wrong, right, total } = testPolicy(policy);
    const [first] = wrong;
    if (first !== undefined) {
      throw new NornError(
        'policy_tests_wrong',
        `${right} of ${total} tests are right: ${wrongText(first)}: correct the rule or the test`,
      );
    }
    const version = { tenantId, actor: userName, name: policy.policy, body };
    return applyPolicy(this.database, version, this.signingKey.hostPolicy);
  }

  /** What once was in force was judged then. Throws `policy_unknown`. */
  rollback({ tenantId, userName }: Principal, number: number): Promise<PolicyVersion> {
    return rollbackPolicy(this.database, { tenantId, actor: userName, number }, this.signingKey.hostPolicy);
  }
}
