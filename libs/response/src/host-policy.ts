// A tenant's policy on its way to the hosts: made of the version in force and the groups of hosts, signed when it is sent.
import { create, toBinary } from '@bufbuild/protobuf';
import { NornError } from '@norn/base';
import { policy } from '@norn/contracts';
import { hostRulesOf } from './policy/host-rules.ts';
import { nameTest } from './policy/name-pattern.ts';
import { parsePolicy } from './policy/policy-file.ts';
import { signBytes } from './signature.ts';
import { hostPolicyBytesMax } from './verify-policy.ts';

export interface HostPolicySource {
  readonly tenantId: string;
  readonly epoch: bigint;
  /** Unix µs. */
  readonly issuedAtUs: bigint;
  /** Number of the version in force. */
  readonly version: number;
  /** The YAML. */
  readonly body: string;
  readonly groups: readonly { readonly name: string; readonly hostIds: readonly string[] }[];
}

/** Pure. Throws `policy_invalid`, and `policy_too_large` when it is more than hosts take. */
export function makeHostPolicy({ body, groups, ...about }: HostPolicySource): policy.HostPolicy {
  const read = parsePolicy('policy.yml', body);
  const { rules } = hostRulesOf(read);
  const isNamed = nameTest(rules.flatMap(({ hostGroups }) => hostGroups));
  const named = groups
    .filter(({ name }) => isNamed([name]))
    .map(({ name, hostIds }) => ({ name, hostIds: [...hostIds] }));
  const made = create(policy.HostPolicySchema, { ...about, policy: read.policy, rules: [...rules], groups: named });
  const bytes = toBinary(policy.HostPolicySchema, made).byteLength;
  if (bytes > hostPolicyBytesMax)
    throw new NornError(
      'policy_too_large',
      `${bytes} bytes of policy for hosts, they take ${hostPolicyBytesMax}: write fewer values, or patterns instead of lists`,
    );
  return made;
}

/** `privateKeyPem`: Ed25519 in PKCS#8. */
export function signPolicy(made: policy.HostPolicy, privateKeyPem: string): policy.SignedPolicy {
  const bytes = toBinary(policy.HostPolicySchema, made);
  return create(policy.SignedPolicySchema, { policy: bytes, ...signBytes(bytes, privateKeyPem) });
}

/** The serialised SignedPolicy. Throws as `makeHostPolicy` does. */
export function signedHostPolicy(source: HostPolicySource, privateKeyPem: string): Uint8Array {
  return toBinary(policy.SignedPolicySchema, signPolicy(makeHostPolicy(source), privateKeyPem));
}

/** The serialised SignedPolicy as the store keeps it: remediation signs what it sends. Throws as `makeHostPolicy` does. */
export function unsignedHostPolicy(source: HostPolicySource): Uint8Array {
  const bytes = toBinary(policy.HostPolicySchema, makeHostPolicy(source));
  return toBinary(policy.SignedPolicySchema, create(policy.SignedPolicySchema, { policy: bytes }));
}
