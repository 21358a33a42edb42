// The policies that hosts hold, against the real PostgreSQL: made with what changes them, or not at all, and signed when they are sent.
// @norn-strict
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { OutRecord } from '@norn/bus';
import { action, policy } from '@norn/contracts';
import { HostPolicyKeeper, relayOutbox } from '@norn/remediation/parts';
import { publicKeyPemOf, unsignedHostPolicy, verifyPolicy } from '@norn/response';
import {
  applyPolicy,
  AuditEntry,
  createControlStore,
  ensureTenant,
  Host,
  HOST_GROUPS_MAX,
  policyInForce,
  putHostGroup,
  removeHostGroup,
  rollbackPolicy,
} from '@norn/store';
import { createLogger } from '@norn/telemetry';
import { startPostgres, type TestPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';
import { makeCommandKey, newCommandKeyPem } from './test-command-key.ts';

const key = newCommandKeyPem();
const { commandKey, put } = makeCommandKey(key);
const keyId = (): string => commandKey.keyId();
const logger = createLogger('host-policies-test');
logger.level = 'silent';
const about = { tenantId: 'default', actor: 'ada' };
const yaml = (name: string, more = ''): string => `policy: ${name}
rules:
  - { name: a, when: { exec: { Image: /a } }, subjects: { hostGroup: [web, db] }, action: deny ${more} }
`;
const apply = (name: string, more?: string) =>
  applyPolicy(store, { ...about, name, body: yaml(name, more) }, unsignedHostPolicy);

let postgres: TestPostgres;
let store: DataSource;

beforeAll(async () => {
  postgres = await startPostgres();
  store = await createControlStore({ postgresUrl: postgres.urlWithPassword });
});

afterAll(async () => {
  await store.destroy();
  await postgres.stop();
});

beforeEach(async () => {
  await store.query('TRUNCATE host_policies, host_groups, policy_versions, outbox, hosts');
  await ensureTenant(store.manager, 'default');
  await ensureTenant(store.manager, 'other');
  await addHost('host-1', 'web-1');
});

async function addHost(id: string, name: string, tenantId = 'default'): Promise<void> {
  await store.manager.insert(Host, { id, tenantId, name, machineId: id });
}

/** What the relay sends of the topic, as a host would take it. */
async function sent(signedBy = key): Promise<policy.HostPolicy[]> {
  const records: OutRecord[] = [];
  const send = (topic: string, some: readonly OutRecord[]): Promise<void> => {
    expect(topic).toBe('policies');
    records.push(...some);
    return Promise.resolve();
  };
  await relayOutbox({ source: store, send, proofKeys: { find: () => undefined }, commandKey, logger });
  return records.map((record) => {
    const signed = fromBinary(policy.SignedPolicySchema, record.value);
    const verdict = verifyPolicy(signed, {
      publicKeyPems: [publicKeyPemOf(signedBy)],
      tenantId: record.key,
      heldEpoch: undefined,
    });
    if (!verdict.ok) throw new Error(verdict.code);
    return verdict.policy;
  });
}

const shown = (policies: readonly policy.HostPolicy[]): string[] =>
  policies.map(({ tenantId, policy: name, version, epoch, groups }) =>
    `${tenantId} ${name} ${version} ${epoch} ${groups.map((group) => `${group.name}=${group.hostIds.join('+')}`).join(' ')}`.trim(),
  );

it('is signed and sent with each version that is put in force, its epoch growing', async () => {
  await apply('first');
  await apply('second');
  await apply('second');
  await rollbackPolicy(store, { ...about, number: 1 }, unsignedHostPolicy);
  expect(shown(await sent())).toEqual(['default first 1 1', 'default second 2 2', 'default first 3 3']);
});

it('stands or falls with the version: what hosts can not take is not put in force', async () => {
  await apply('first');
  await sent();
  // Each exception of two fields doubles the matches of a rule; the list is in all of them.
  const many = Array.from({ length: 20 }, (_, number) => `'${'x'.repeat(1000)}${number}'`).join(', ');
  const excepted = Array.from({ length: 8 }, (_, number) => `{ Image: /a${number}, ParentImage: /b${number} }`).join(
    ', ',
  );
  const body = `policy: large
rules:
  - { name: a, when: { exec: { Image|contains: [${many}] }, not: [${excepted}] }, action: deny }
`;
  await expect(applyPolicy(store, { ...about, name: 'large', body }, unsignedHostPolicy)).rejects.toMatchObject({
    code: 'policy_too_large',
  });
  expect(await policyInForce(store, 'default')).toMatchObject({ name: 'first', number: 1 });
  expect(await sent()).toEqual([]);
});

it('is signed again when a group of hosts changes, by id and by name, with a trace', async () => {
  await apply('shop');
  await addHost('host-2', 'WEB-2');
  await addHost('host-3', 'web_2');
  await addHost('host-4', 'web-9', 'other');
  await putHostGroup(store, { ...about, name: 'web', members: ['web-*'] }, unsignedHostPolicy);
  await putHostGroup(store, { ...about, name: 'unnamed', members: ['*'] }, unsignedHostPolicy);
  await putHostGroup(store, { ...about, name: 'db', members: ['host-3', 'host-4', 'web_1'] }, unsignedHostPolicy);
  await removeHostGroup(store, { ...about, name: 'web' }, unsignedHostPolicy);
  expect(shown(await sent())).toEqual([
    'default shop 1 1',
    'default shop 1 2 web=host-1+host-2',
    'default shop 1 3 web=host-1+host-2',
    'default shop 1 4 db=host-3 web=host-1+host-2',
    'default shop 1 5 db=host-3',
  ]);
  const trail = await store.manager.find(AuditEntry, { where: { subject: 'web' }, order: { at: 'ASC' } });
  expect(trail.map(({ actor, action }) => [actor, action])).toEqual([
    ['ada', 'host_group.put'],
    ['ada', 'host_group.removed'],
  ]);
  await expect(removeHostGroup(store, { ...about, name: 'web' }, unsignedHostPolicy)).rejects.toMatchObject({
    code: 'host_group_unknown',
  });
});

it('has no more groups than their bound', async () => {
  await store.query(
    `INSERT INTO host_groups (tenant_id, name, members, changed_by) SELECT 'default', 'g' || n, '{x}', 'ada' FROM generate_series(1, $1) n`,
    [HOST_GROUPS_MAX],
  );
  await expect(
    putHostGroup(store, { ...about, name: 'web', members: ['x'] }, unsignedHostPolicy),
  ).rejects.toMatchObject({
    code: 'host_groups_too_many',
  });
  await putHostGroup(store, { ...about, name: 'g1', members: ['web-1'] }, unsignedHostPolicy);
});

describe('what remediation keeps', () => {
  it('is up to date when a host enrols, and sent again at its start', async () => {
    await putHostGroup(store, { ...about, name: 'web', members: ['web-*'] }, unsignedHostPolicy);
    await apply('shop');
    await sent();
    const keeper = new HostPolicyKeeper(store, keyId, logger);
    await keeper.keep();
    await keeper.keep();
    expect(shown(await sent())).toEqual(['default shop 1 1 web=host-1']);
    await addHost('host-2', 'web-2');
    await keeper.keep();
    expect(shown(await sent())).toEqual(['default shop 1 2 web=host-1+host-2']);
  });

  it('is sent again by another key while remediation runs, and once', async () => {
    await apply('shop');
    await sent();
    const keeper = new HostPolicyKeeper(store, keyId, logger);
    await keeper.keep();
    expect(shown(await sent())).toEqual(['default shop 1 1']);
    const other = newCommandKeyPem();
    try {
      put(`${other}${key}`);
      await keeper.keep();
      expect(shown(await sent(other))).toEqual(['default shop 1 1']);
      await keeper.keep();
      expect(await sent(other)).toEqual([]);
    } finally {
      put(key);
    }
  });

  it('is signed as what a policy is, whoever put more into the database', () => {
    const bytes = toBinary(action.CommandSchema, create(action.CommandSchema, { action: { case: 'kill', value: {} } }));
    const body = toBinary(policy.SignedPolicySchema, create(policy.SignedPolicySchema, { policy: bytes }));
    const { policy: signed } = fromBinary(policy.SignedPolicySchema, commandKey.signPolicy(body));
    expect(fromBinary(action.CommandSchema, signed).action.case).toBeUndefined();
  });

  it('is made for a policy that was in force before there were any, whatever others are like', async () => {
    await store.query(
      `INSERT INTO policy_versions (tenant_id, number, name, body, applied_by) VALUES ('default', 1, 'bad', 'policy: [', 'ada'), ('other', 1, 'good', $1, 'ada')`,
      [yaml('good')],
    );
    await new HostPolicyKeeper(store, keyId, logger).keep();
    expect(shown(await sent())).toEqual(['other good 1 1']);
  });
});
