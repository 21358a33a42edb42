// Whether a signed policy is what this host is to hold. What is checked, in this order, is what the agent answers for.
import { fromBinary } from '@bufbuild/protobuf';
import { hostIdShape, policy } from '@norn/contracts';
import { isSignedByOne } from './signature.ts';

/** Of a serialised HostPolicy. */
export const hostPolicyBytesMax = 1024 * 1024;

/** What a signed one takes at most: the policy, its signature and the names of both. */
export const signedPolicyBytesMax = hostPolicyBytesMax + 4096;

export type PolicyRefusal = 'bad_signature' | 'wrong_tenant' | 'fenced' | 'policy_malformed';

export interface PolicyContext {
  /** SPKI PEM, Ed25519: each of them may sign. */
  readonly publicKeyPems: readonly string[];
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
  if (!isSignedByOne(signed.policy, signed.signature, context.publicKeyPems)) return refused('bad_signature');
  if (made === undefined) return refused('policy_malformed');
  if (made.tenantId !== context.tenantId) return refused('wrong_tenant');
  if (context.heldEpoch !== undefined && made.epoch < context.heldEpoch) return refused('fenced');
  return { ok: true, policy: made };
}

/** What rules may call a host: its name, its id, and the groups that list it. */
export function groupsOfHost(made: policy.HostPolicy, host: { readonly name: string; readonly id: string }): string[] {
  const listed = made.groups.filter(({ hostIds }) => hostIds.includes(host.id)).map(({ name }) => name);
  // A machine calls itself as it likes: by its name it must be no other host.
  const own = hostIdShape.test(host.name) ? [host.id] : [host.id, host.name];
  return [...new Set([...own, ...listed])];
}

function parse(bytes: Uint8Array): policy.HostPolicy | undefined {
  if (bytes.byteLength === 0 || bytes.byteLength > hostPolicyBytesMax) return undefined;
  try {
    return fromBinary(policy.HostPolicySchema, bytes);
  } catch {
    return undefined; // No policy: the caller answers `policy_malformed` or `bad_signature`.
  }
}
