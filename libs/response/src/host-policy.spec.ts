// What a host makes of a policy that it is sent.
import { create } from '@bufbuild/protobuf';
import { policy } from '@norn/contracts';
import { generateKeyPairSync } from 'node:crypto';
import {
  groupsOfHost,
  makeHostPolicy,
  publicKeyPemOf,
  signPolicy,
  verifyPolicy,
  type HostPolicySource,
  type PolicyContext,
} from './index.ts';

const newKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const key = newKey();
const body = `policy: shop
rules:
  - { name: a, when: { exec: { Image: /a } }, subjects: { hostGroup: 'web*' }, action: deny }
`;
const source: HostPolicySource = {
  tenantId: 'default',
  epoch: 7n,
  issuedAtUs: 1n,
  version: 3,
  body,
  groups: [
    { name: 'webshop', hostIds: ['host-1', 'host-2'] },
    { name: 'db', hostIds: ['host-1'] },
  ],
};

function check(signed: policy.SignedPolicy, change: Partial<PolicyContext> = {}): string {
  const verdict = verifyPolicy(signed, {
    publicKeyPems: [publicKeyPemOf(key)],
    tenantId: 'default',
    heldEpoch: undefined,
    ...change,
  });
  return verdict.ok ? `ok ${verdict.policy.policy} ${verdict.policy.version}` : verdict.code;
}

it('is what the version in force says, with the groups that its rules speak of', () => {
  const made = makeHostPolicy(source);
  expect(made).toMatchObject({ policy: 'shop', version: 3, epoch: 7n, rules: [{ name: 'shop.a' }] });
  expect(made.groups.map(({ name }) => name)).toEqual(['webshop']);
  expect(groupsOfHost(made, { id: 'host-1', name: 'web-1' })).toEqual(['host-1', 'web-1', 'webshop']);
  expect(groupsOfHost(made, { id: 'host-3', name: 'web-3' })).toEqual(['host-3', 'web-3']);
  const named = { id: 'host-3', name: `host-${'0'.repeat(16)}` };
  expect(groupsOfHost(made, named)).toEqual(['host-3']);
});

it('is taken when it is signed, for the tenant and not older than what is held', () => {
  const signed = signPolicy(makeHostPolicy(source), key);
  expect(check(signed)).toBe('ok shop 3');
  expect(check(signed, { heldEpoch: 7n })).toBe('ok shop 3');
  expect(check(signed, { heldEpoch: 8n })).toBe('fenced');
  expect(check(signed, { tenantId: 'other' })).toBe('wrong_tenant');
  expect(check(signPolicy(makeHostPolicy(source), newKey()))).toBe('bad_signature');
  const changed = signed.policy.map((byte, at) => (at === 5 ? byte ^ 1 : byte));
  expect(check(create(policy.SignedPolicySchema, { ...signed, policy: changed }))).toBe('bad_signature');
});

it('is refused when it is not one, whoever signed it', () => {
  const odd = signPolicy(create(policy.HostPolicySchema), key);
  expect(check(odd)).toBe('policy_malformed');
  expect(check(create(policy.SignedPolicySchema, { policy: new Uint8Array(2 * 1024 * 1024) }))).toBe(
    'policy_malformed',
  );
});

it('that is more than hosts take is refused where it is made', () => {
  const hostIds = Array.from({ length: 60_000 }, (_, number) => `host-${String(number).padStart(16, '0')}`);
  expect(() => makeHostPolicy({ ...source, groups: [{ name: 'web', hostIds }] })).toThrow(/bytes of policy for hosts/);
});
