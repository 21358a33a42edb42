// Whether a host may talk to the installation: taken from it by an administrator. Who has lost it enrols anew, with a token, as another host.
import { NornError } from '@norn/base';
import type { DataSource, EntityManager } from 'typeorm';
import { audit } from './audit.ts';
import { Host } from './entities/tenancy.ts';

export interface HostAccessChange {
  readonly tenantId: string;
  /** A user's name. */
  readonly actor: string;
  readonly hostId: string;
}

/** Refuses all certificates that the host has: its agent protects on, and says nothing here any more. Throws `host_unknown`. */
export async function revokeHost(database: DataSource, { tenantId, actor, hostId }: HostAccessChange): Promise<void> {
  await database.transaction(async (manager) => {
    const host = await lockHost(manager, tenantId, hostId);
    await manager.update(Host, { id: hostId }, { revokedBefore: () => 'now()' });
    await audit(manager, {
      tenantId,
      actor,
      action: 'host.revoked',
      subject: hostId,
      details: { hostname: host.name },
    });
  });
}

/** Until then nobody is told that it fell silent or lost its protection; `null` ends that now. Throws `host_unknown`. */
export async function setMaintenance(
  database: DataSource,
  { tenantId, actor, hostId }: HostAccessChange,
  until: Date | null,
): Promise<void> {
  await database.transaction(async (manager) => {
    const host = await lockHost(manager, tenantId, hostId);
    await manager.update(Host, { id: hostId }, { maintenanceUntil: until });
    const action = until === null ? 'host.maintenance_ended' : 'host.maintenance_begun';
    const details = { hostname: host.name, ...(until && { until: until.toISOString() }) };
    await audit(manager, { tenantId, actor, action, subject: hostId, details });
  });
}

/** Forgets a host, and refuses it as unknown; its alerts and events stay. Throws `host_unknown`. SQL, for a table without an entity. */
export async function removeHost(database: DataSource, { tenantId, actor, hostId }: HostAccessChange): Promise<void> {
  await database.transaction(async (manager) => {
    const { name, machineId, enrolledAt } = await lockHost(manager, tenantId, hostId);
    await manager.query('DELETE FROM host_presence WHERE host_id = $1', [hostId]);
    await manager.delete(Host, { id: hostId });
    const details = { hostname: name, machineId, enrolledAt: enrolledAt.toISOString() };
    await audit(manager, { tenantId, actor, action: 'host.removed', subject: hostId, details });
  });
}

async function lockHost(manager: EntityManager, tenantId: string, id: string): Promise<Host> {
  const host = await manager.findOne(Host, { where: { id, tenantId }, lock: { mode: 'pessimistic_write' } });
  if (host === null) throw new NornError('host_unknown', `Your tenant has no host ${id}: see ./norn hosts`);
  return host;
}
