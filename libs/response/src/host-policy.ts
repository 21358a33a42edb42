// A tenant's policy on its way to the hosts: made of the version in force and the groups of hosts, signed by the installation, verified by agents.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { NornError } from '@norn/base';
import { policy } from '@norn/contracts';
import { createPublicKey } from 'node:crypto';
import { hostRulesOf } from './policy/host-rules.ts';
import { nameTest } from './policy/name-pattern.ts';
import { parsePolicy } from './policy/policy-file.ts';
import { commandKeyId, isSigned, signBytes } from './signature.ts';

/** Of a serialised HostPolicy. */
export const hostPolicyBytesMax = 1024 * 1024;

/** What a signed one takes at most: the policy, its signature and the names of both. */
export const signedPolicyBytesMax = hostPolicyBytesMax + 4096;

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

/** For those who keep what hosts hold: signs as `signedHostPolicy` does, and tells which key it is. */
export function createHostPolicySigner(privateKeyPem: string) {
  return {
    keyId: commandKeyId(createPublicKey(privateKeyPem)),
    sign: (source: HostPolicySource): Uint8Array => signedHostPolicy(source, privateKeyPem),
  };
}

export type PolicyRefusal = 'bad_signature' | 'wrong_tenant' | 'fenced' | 'policy_malformed';

export interface PolicyContext {
  /** SPKI PEM of the Ed25519 key that signs commands and policies. */
  readonly publicKeyPem: string;
  readonly tenantId: string;
  /** Of the policy that the host holds; undefined when it holds none. */
  readonly heldEpoch: bigint | undefined;
}

export type PolicyVerdict =
  | { readonly ok: true; readonly policy: policy.HostPolicy }
  /** `policy` is what the bytes say; trust it only as far as naming what was refused. */
  | { readonly ok: false; readonly code: PolicyRefusal; readonly policy: policy.HostPolicy | undefined };

/** Pure: the same arguments give the same verdict. The one that is held is taken again. */
export function verifyPolicy(signed: policy.SignedPolicy, context: PolicyContext): PolicyVerdict {
  const made = parse(signed.policy);
  const refused = (code: PolicyRefusal): PolicyVerdict => ({ ok: false, code, policy: made });
  if (signed.policy.byteLength > hostPolicyBytesMax) return refused('policy_malformed');
  if (!isSigned(signed.policy, signed.signature, context.publicKeyPem)) return refused('bad_signature');
  if (made === undefined) return refused('policy_malformed');
  if (made.tenantId !== context.tenantId) return refused('wrong_tenant');
  if (context.heldEpoch !== undefined && made.epoch < context.heldEpoch) return refused('fenced');
  return { ok: true, policy: made };
}

/** What rules may call a host: its name, its id, and the groups that list it. */
export function groupsOfHost(made: policy.HostPolicy, host: { readonly name: string; readonly id: string }): string[] {
  const listed = made.groups.filter(({ hostIds }) => hostIds.includes(host.id)).map(({ name }) => name);
  return [...new Set([host.id, host.name, ...listed])];
}

function parse(bytes: Uint8Array): policy.HostPolicy | undefined {
  if (bytes.byteLength === 0 || bytes.byteLength > hostPolicyBytesMax) return undefined;
  try {
    return fromBinary(policy.HostPolicySchema, bytes);
  } catch {
    return undefined; // No policy: the caller answers `policy_malformed` or `bad_signature`.
  }
}
