// A tenant's policy: put in force version by version, so that each can be looked at and taken up again.
import { NornError } from '@norn/base';
import type { DataSource, EntityManager } from 'typeorm';
import { audit } from './audit.ts';
import { PolicyVersion } from './entities/policies.ts';
import { type MakeHostPolicy, issueHostPolicy } from './host-policies.ts';
import { lockTenant } from './tenants.ts';

/** Shown of a tenant's history. */
export const POLICY_HISTORY_MAX = 200;

export interface PolicyToApply {
  readonly tenantId: string;
  /** A user's name. */
  readonly actor: string;
  readonly name: string;
  readonly body: string;
}

/** Puts it in force, here and on the hosts; the text that is in force already makes no new version. */
export async function applyPolicy(
  database: DataSource,
  policy: PolicyToApply,
  make: MakeHostPolicy,
): Promise<PolicyVersion> {
  return database.transaction(async (manager) => {
    // Two who apply at once would take the same number.
    await lockTenant(manager, policy.tenantId);
    const current = await newest(manager, policy.tenantId);
    if (current?.body === policy.body) return current;
    return add(manager, current, { ...policy, restores: null, action: 'policy.applied', make });
  });
}

export interface PolicyRollback {
  readonly tenantId: string;
  readonly actor: string;
  readonly number: number;
}

/** The text of an earlier version becomes a new one. Throws `policy_unknown`. */
export async function rollbackPolicy(
  database: DataSource,
  { tenantId, actor, number }: PolicyRollback,
  make: MakeHostPolicy,
): Promise<PolicyVersion> {
  return database.transaction(async (manager) => {
    await lockTenant(manager, tenantId);
    const { name, body } = await versionOf(manager, tenantId, number);
    const current = await newest(manager, tenantId);
    return add(manager, current, {
      tenantId,
      actor,
      name,
      body,
      restores: number,
      action: 'policy.rolled_back',
      make,
    });
  });
}

/** The version in force; null when the tenant never applied one. */
export function policyInForce(database: DataSource, tenantId: string): Promise<PolicyVersion | null> {
  return newest(database.manager, tenantId);
}

/** Throws `policy_unknown`. */
export function policyVersion(database: DataSource, tenantId: string, number: number): Promise<PolicyVersion> {
  return versionOf(database.manager, tenantId, number);
}

/** The newest first. */
export function policyHistory(database: DataSource, tenantId: string): Promise<PolicyVersion[]> {
  return database.manager.find(PolicyVersion, {
    where: { tenantId },
    order: { number: 'DESC' },
    take: POLICY_HISTORY_MAX,
  });
}

/** Of every tenant that has one: the version in force. */
export function policiesInForce(database: DataSource): Promise<PolicyVersion[]> {
  return database.manager
    .createQueryBuilder(PolicyVersion, 'policy')
    .distinctOn(['policy.tenant_id'])
    .orderBy('policy.tenant_id')
    .addOrderBy('policy.number', 'DESC')
    .getMany();
}

/** Changes with every version of every tenant: versions are only ever added. */
export async function policiesMark(database: DataSource): Promise<string> {
  return String(await database.manager.count(PolicyVersion));
}

function newest(manager: EntityManager, tenantId: string): Promise<PolicyVersion | null> {
  return manager.findOne(PolicyVersion, { where: { tenantId }, order: { number: 'DESC' } });
}

async function versionOf(manager: EntityManager, tenantId: string, number: number): Promise<PolicyVersion> {
  const found = await manager.findOneBy(PolicyVersion, { tenantId, number });
  if (found) return found;
  const cure = 'see ./norn policy history';
  throw new NornError('policy_unknown', `Your tenant's policy has no version ${number}: ${cure}`);
}

interface VersionToAdd extends PolicyToApply {
  readonly restores: number | null;
  readonly action: string;
  readonly make: MakeHostPolicy;
}

async function add(
  manager: EntityManager,
  current: PolicyVersion | null,
  { tenantId, actor, name, body, restores, action, make }: VersionToAdd,
): Promise<PolicyVersion> {
  const number = (current?.number ?? 0) + 1;
  const version = manager.create(PolicyVersion, { tenantId, number, name, body, restores, appliedBy: actor });
  await manager.insert(PolicyVersion, version);
  const details = { number, name, before: current?.number ?? 0, ...(restores !== null && { restores }) };
  await audit(manager, { tenantId, actor, action, subject: `policy ${number}`, details });
  await issueHostPolicy(manager, tenantId, make);
  return version;
}
