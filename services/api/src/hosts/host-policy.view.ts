// What a host made of the newest policy that it was sent.
import { create } from '@bufbuild/protobuf';
import { type event, policy, view } from '@norn/contracts';
import { timeOf } from '../model/words.ts';

const reasons: Readonly<Record<string, string>> = {
  bad_signature: 'its signature is not of the key that the host was given when it enrolled: enrol the host again',
  wrong_tenant: 'it is of another tenant: enrol the host again',
  fenced: 'it is older than the one that the host holds: apply the policy again',
  policy_malformed: 'the host does not understand it: update its agent',
};

/** The newest that was signed for the tenant's hosts; undefined when none ever was. */
export interface NewestHostPolicy {
  readonly epoch: bigint;
  readonly number: number;
}

export function hostPolicyView(
  { policy: told }: event.HostFacts,
  newest: NewestHostPolicy | undefined,
): view.HostPolicyView {
  if (newest === undefined)
    return create(view.HostPolicyViewSchema, { state: 'none', summary: 'No policy was applied.' });
  if (told === undefined) return create(view.HostPolicyViewSchema, { state: 'sent', summary: sentText(newest) });
  const state = stateOf(told, newest);
  return create(view.HostPolicyViewSchema, {
    state,
    summary: summaryOf(state, told, newest),
    code: told.code,
    name: told.policy,
    number: told.version,
    epoch: Number(told.epoch),
    appliedAt: timeOf(told.appliedAtUs),
    denied: Number(told.denied),
    unanswered: Number(told.unanswered),
    unenforced: told.unenforced,
  });
}

type State = 'sent' | 'applied' | 'older' | 'refused';

function stateOf({ state, epoch }: policy.HostPolicyStatus, newest: NewestHostPolicy): State {
  if (state === policy.PolicyState.REFUSED) return 'refused';
  if (epoch < newest.epoch) return 'older';
  return state === policy.PolicyState.APPLIED ? 'applied' : 'sent';
}

function summaryOf(state: State, told: policy.HostPolicyStatus, newest: NewestHostPolicy): string {
  const { version, code, unenforced } = told;
  switch (state) {
    case 'sent':
      return sentText(newest);
    case 'older':
      return `Version ${version} is in effect; ${newest.number} has not reached it yet.`;
    case 'refused':
      return `Version ${newest.number} is refused (${code}): ${reasons[code] ?? 'see the log of its agent'}.`;
    case 'applied':
      return `Version ${version} is in effect.${unenforced.length === 0 ? '' : ` It can not enforce ${rulesText(unenforced.length)}.`}`;
  }
}

function sentText({ number }: NewestHostPolicy): string {
  return `Version ${number} was sent; the agent has not said that it is in effect.`;
}

function rulesText(count: number): string {
  return count === 1 ? 'one of its rules' : `${count} of its rules`;
}
