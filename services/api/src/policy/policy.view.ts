// Policies as people see them: the text, and a sentence about what it does.
import { create } from '@bufbuild/protobuf';
import { NornError } from '@norn/base';
import { view } from '@norn/contracts';
import { type Policy, parsePolicy, policyActions } from '@norn/response';
import type { PolicyVersion } from '@norn/store';
import { type Firings, policyRuleViews } from './policy-rules.view.ts';

/** `shown`: with its rules. */
export function policyView(
  version: PolicyVersion,
  numberInForce: number,
  shown?: { readonly firings: Firings | undefined; readonly now: Date },
): view.PolicyView {
  const { number, name, body, restores, appliedBy, appliedAt } = version;
  const policy = readPolicy(body);
  return create(view.PolicyViewSchema, {
    number,
    name,
    body,
    inForce: number === numberInForce,
    restores: restores ?? 0,
    appliedBy,
    appliedAt: appliedAt.toISOString(),
    summary: typeof policy === 'string' ? policy : policySummary(policy),
    rules: shown && typeof policy !== 'string' ? policyRuleViews(policy, shown.firings, shown.now) : [],
  });
}

/** Of a tenant that never applied one. */
export function noPolicy(): view.PolicyView {
  return create(view.PolicyViewSchema, {
    summary: 'No policy was applied: the responses of the protections hold',
  });
}

/** The newest first, without their texts. */
export function policyList(versions: readonly PolicyVersion[]): view.PolicyHistory {
  const newest = versions[0]?.number ?? 0;
  return create(view.PolicyHistorySchema, {
    versions: versions.map((version) => ({ ...policyView(version, newest), body: '' })),
  });
}

export function policySummary({ rules }: Policy): string {
  const counts = policyActions.map(
    (action) => [rules.filter((rule) => rule.action === action).length, action] as const,
  );
  const parts = counts.filter(([count]) => count > 0).map(([count, action]) => `${count} ${action}`);
  return `${rules.length} rules: ${parts.join(', ')}`;
}

/** A sentence instead, of a version that was written for another Norn. */
function readPolicy(body: string): Policy | string {
  try {
    return parsePolicy('policy.yml', body);
  } catch (error) {
    if (error instanceof NornError) return error.message;
    throw error;
  }
}
