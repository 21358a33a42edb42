// A tenant as it begins: the responses of its protections and its first administrator.
import { NornError } from '@norn/base';
import type { EntityManager, EntityTarget, ObjectLiteral, QueryDeepPartialEntity } from 'typeorm';
import { ProtectionResponse } from './entities/handling.ts';
import { Tenant, User } from './entities/tenancy.ts';

/** Reflexes were judged on the host with the evidence at hand and act; rules begin by observing. */
export const defaultResponses: Readonly<Record<string, ProtectionResponse['response']>> = {
  ransomware: 'kill-and-remediate',
  fileless: 'kill-and-remediate',
  miner: 'kill-and-remediate',
  'reverse-shell': 'kill-and-remediate',
  rule: 'observe',
};

/** What the tenant wants done, by protection. */
export async function protectionsOf(
  manager: EntityManager,
  tenantId: string,
): Promise<Map<string, ProtectionResponse['response']>> {
  const rows = await manager.findBy(ProtectionResponse, { tenantId });
  return new Map(rows.map(({ protection, response }) => [protection, response]));
}

export const ADMINISTRATOR = 'admin';

/** Creates what is missing and returns the administrator; a second call changes nothing. */
export async function ensureTenant(manager: EntityManager, tenantId: string, name = tenantId): Promise<User> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(tenantId)) {
    throw new NornError('tenant_invalid', `Tenant id "${tenantId}" is not usable: take 1 to 63 of a-z, 0-9 and "-"`);
  }
  await insertMissing(manager, Tenant, [{ id: tenantId, name }]);
  const responses = Object.entries(defaultResponses).map(([protection, response]) => ({
    tenantId,
    protection,
    response,
  }));
  await insertMissing(manager, ProtectionResponse, responses);
  await insertMissing(manager, User, [{ tenantId, name: ADMINISTRATOR, role: 'admin' }]);
  return manager.findOneByOrFail(User, { tenantId, name: ADMINISTRATOR });
}

async function insertMissing<Row extends ObjectLiteral>(
  manager: EntityManager,
  table: EntityTarget<Row>,
  rows: QueryDeepPartialEntity<Row>[],
): Promise<void> {
  await manager.createQueryBuilder().insert().into(table).values(rows).orIgnore().updateEntity(false).execute();
}

/** For what must not be done twice at once in a tenant; until the transaction ends. SQL, for a lock that reads no row. */
export async function lockTenant(manager: EntityManager, tenantId: string): Promise<void> {
  await manager.query('SELECT id FROM tenants WHERE id = $1 FOR UPDATE', [tenantId]);
}
