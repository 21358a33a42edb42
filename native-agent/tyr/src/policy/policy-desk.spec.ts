import { create } from '@bufbuild/protobuf';
import { policy } from '@norn/contracts';
import { makeHostPolicy, publicKeyPemOf, signPolicy } from '@norn/response';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { PolicyDesk } from './policy-desk.ts';

const newKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const key = newKey();
const { PolicyState } = policy;
let directory: string;

const body = `policy: shop
rules:
  - { name: a, when: { exec: { Image: /a } }, subjects: { hostGroup: web }, action: deny }
`;

function aPolicy(epoch: bigint, { tenantId = 'default', by = key } = {}): policy.SignedPolicy {
  const groups = [{ name: 'web', hostIds: ['host-1'] }];
  return signPolicy(makeHostPolicy({ tenantId, epoch, issuedAtUs: 1n, version: Number(epoch) + 10, body, groups }), by);
}

/** A tyr as it starts, enrolled in that tenant. */
function openDesk(tenantId = 'default') {
  const given: string[] = [];
  let told = 0;
  const desk = new PolicyDesk({
    agentDir: directory,
    identity: () => ({ tenantId, hostId: 'host-1', commandKeys: { number: 0, keys: [publicKeyPemOf(key)] } }),
    hostname: () => 'web-1',
    giveToBaldur: ({ policy: what, groups }) => given.push(`${what?.epoch} ${groups.join(' ')}`),
    onStatus: () => (told += 1),
    logger: pino({ level: 'silent' }),
  });
  desk.load();
  return { desk, given, told: () => told };
}

const shown = (status: policy.HostPolicyStatus | undefined): unknown =>
  status && [PolicyState[status.state], status.code, status.policy, status.version, Number(status.epoch)];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'norn-policy-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

it('gives a policy to baldur with the groups of its host, now and to the next baldur', () => {
  const { desk, given } = openDesk();
  expect(desk.status()).toBeUndefined();
  desk.receive(aPolicy(1n));
  desk.receive(aPolicy(1n));
  expect(given).toEqual(['1 host-1 web-1 web']);
  desk.onBaldurConnected();
  expect(given).toHaveLength(2);
});

it('works from its disk while the installation is away', () => {
  openDesk().desk.receive(aPolicy(3n));
  expect(statSync(join(directory, 'host-policy.bin')).mode & 0o777).toBe(0o600);
  const { desk, given } = openDesk();
  expect(given).toEqual(['3 host-1 web-1 web']);
  expect(shown(desk.status())).toEqual(['UNSPECIFIED', '', 'shop', 13, 3]);
});

it.each<[string, () => policy.SignedPolicy]>([
  ['fenced', () => aPolicy(2n)],
  ['bad_signature', () => aPolicy(4n, { by: newKey() })],
  ['wrong_tenant', () => aPolicy(4n, { tenantId: 'other' })],
  ['policy_malformed', () => signPolicy(create(policy.HostPolicySchema), key)],
])('refuses what is not for it and says so: %s', (code, make) => {
  const { desk, given, told } = openDesk();
  desk.receive(aPolicy(3n));
  const before = readFileSync(join(directory, 'host-policy.bin'));
  desk.receive(make());
  expect(shown(desk.status())?.toString()).toMatch(`REFUSED,${code}`);
  expect([given.length, told()]).toEqual([1, 2]);
  expect(readFileSync(join(directory, 'host-policy.bin')).equals(before)).toBe(true);
  // Also after a restart, and until it is sent one that it takes.
  const again = openDesk();
  again.desk.receive(aPolicy(2n));
  expect(shown(again.desk.status())?.toString()).toMatch('REFUSED,fenced');
  again.desk.receive(aPolicy(3n));
  expect(shown(again.desk.status())).toEqual(['UNSPECIFIED', '', 'shop', 13, 3]);
});

it('says what baldur made of it, with its counters also when a later one is refused', () => {
  const { desk, told } = openDesk();
  desk.receive(aPolicy(1n));
  const applied = { state: PolicyState.APPLIED, code: 'ok', epoch: 1n, policy: 'shop', version: 11, denied: 5n };
  desk.onBaldurStatus(create(policy.HostPolicyStatusSchema, applied));
  expect(desk.status()).toMatchObject(applied);
  expect(told()).toBe(2);
  desk.receive(aPolicy(0n));
  expect(desk.status()).toMatchObject({ state: PolicyState.REFUSED, code: 'fenced', denied: 5n });
  desk.receive(aPolicy(2n));
  expect(shown(desk.status())).toEqual(['UNSPECIFIED', '', 'shop', 12, 2]);
});

it('leaves out a kept policy that was changed, or is of the tenant it was enrolled in before', () => {
  openDesk().desk.receive(aPolicy(3n));
  expect(openDesk('other').given).toEqual([]);
  const file = join(directory, 'host-policy.bin');
  const bytes = readFileSync(file);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  const { desk, given } = openDesk();
  expect(given).toEqual([]);
  desk.receive(aPolicy(1n));
  expect(given).toHaveLength(1);
});
