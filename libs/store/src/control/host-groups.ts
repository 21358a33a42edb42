// Groups of hosts: named by people, resolved to the hosts that they are about now.
import { NornError } from '@norn/base';
import type { DataSource, EntityManager } from 'typeorm';
import { audit } from './audit.ts';
import { HostGroup } from './entities/policies.ts';
import { type MakeHostPolicy, issueHostPolicy } from './host-policies.ts';
import { lockTenant } from './tenants.ts';

/** Of one tenant. */
export const HOST_GROUPS_MAX = 200;

export interface HostGroupChange {
  readonly tenantId: string;
  /** A user's name. */
  readonly actor: string;
  readonly name: string;
}

export interface HostGroupToPut extends HostGroupChange {
  /** Ids of hosts, or patterns of their names with `*`. */
  readonly members: readonly string[];
}

/** Makes the group, or gives it other members; its hosts hold the policy anew. Throws `host_groups_too_many`. */
export async function putHostGroup(
  database: DataSource,
  { tenantId, actor, name, members }: HostGroupToPut,
  make: MakeHostPolicy,
): Promise<void> {
  await database.transaction(async (manager) => {
    await lockTenant(manager, tenantId);
    const before = await manager.findOneBy(HostGroup, { tenantId, name });
    if (before === null && (await manager.countBy(HostGroup, { tenantId })) >= HOST_GROUPS_MAX)
      throw new NornError('host_groups_too_many', `${HOST_GROUPS_MAX} groups of hosts are kept: remove one first`);
    const row = { tenantId, name, members: [...members], changedBy: actor, changedAt: new Date() };
    await manager.upsert(HostGroup, row, ['tenantId', 'name']);
    const details = { members, ...(before && { before: before.members }) };
    await audit(manager, { tenantId, actor, action: 'host_group.put', subject: name, details });
    await issueHostPolicy(manager, tenantId, make);
  });
}

/** Throws `host_group_unknown`. */
export async function removeHostGroup(
  database: DataSource,
  { tenantId, actor, name }: HostGroupChange,
  make: MakeHostPolicy,
): Promise<void> {
  await database.transaction(async (manager) => {
    await lockTenant(manager, tenantId);
    const { affected } = await manager.delete(HostGroup, { tenantId, name });
    if (affected !== 1) throw unknown(name);
    await audit(manager, { tenantId, actor, action: 'host_group.removed', subject: name });
    await issueHostPolicy(manager, tenantId, make);
  });
}

/** Throws `host_group_unknown`. */
export async function assertHostGroup(manager: EntityManager, tenantId: string, name: string): Promise<void> {
  if (!(await manager.existsBy(HostGroup, { tenantId, name }))) throw unknown(name);
}

export function hostGroups(database: DataSource, tenantId: string): Promise<HostGroup[]> {
  return database.manager.find(HostGroup, { where: { tenantId }, order: { name: 'ASC' }, take: HOST_GROUPS_MAX });
}

function unknown(name: string): NornError {
  return new NornError('host_group_unknown', `Your tenant has no group of hosts ${name}: see ./norn hosts groups`);
}
