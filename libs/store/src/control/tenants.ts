// A tenant as it begins: its policies and its first administrator.
import { NornError } from '@norn/base';
import type { EntityManager } from 'typeorm';
import type { Policy } from './entities/handling.ts';
import { User } from './entities/tenancy.ts';

/** Reflexes were judged on the host with the evidence at hand and act; rules begin by observing. */
export const defaultPolicies: Readonly<Record<string, Policy['response']>> = {
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
): Promise<Map<string, Policy['response']>> {
  const rows = await manager.query<Pick<Policy, 'protection' | 'response'>[]>(
    'SELECT protection, response FROM policies WHERE tenant_id = $1',
    [tenantId],
  );
  return new Map(rows.map(({ protection, response }) => [protection, response]));
}

export const ADMINISTRATOR = 'admin';

/** Creates what is missing and returns the administrator; a second call changes nothing. */
export async function ensureTenant(manager: EntityManager, tenantId: string, name = tenantId): Promise<User> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(tenantId)) {
    throw new NornError('tenant_invalid', `Tenant id "${tenantId}" is not usable: take 1 to 63 of a-z, 0-9 and "-"`);
  }
  await manager.query('INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [tenantId, name]);
  for (const [protection, response] of Object.entries(defaultPolicies)) {
    await manager.query(
      'INSERT INTO policies (tenant_id, protection, response) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      [tenantId, protection, response],
    );
  }
  await manager.query(`INSERT INTO users (tenant_id, name, role) VALUES ($1, $2, 'admin') ON CONFLICT DO NOTHING`, [
    tenantId,
    ADMINISTRATOR,
  ]);
  return manager.findOneByOrFail(User, { tenantId, name: ADMINISTRATOR });
}

/** For what must not be done twice at once in a tenant; until the transaction ends. */
export async function lockTenant(manager: EntityManager, tenantId: string): Promise<void> {
  await manager.query('SELECT id FROM tenants WHERE id = $1 FOR UPDATE', [tenantId]);
}
