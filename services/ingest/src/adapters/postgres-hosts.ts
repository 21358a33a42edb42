// Hosts in the control plane (PostgreSQL).
import { AuditEntry, type HeardHosts, Host, audit, redeemToken, writeHeard } from '@norn/store';
import { randomBytes } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import type { AuditFact, EnrolledHost, EnrolmentClaim, HostRegistry, KnownHost } from '../ports/host-registry.ts';

const actor: AuditEntry['actor'] = 'ingest';

export class PostgresHosts implements HostRegistry {
  constructor(private readonly control: DataSource) {}

  async find(tenantId: string, hostId: string): Promise<KnownHost | undefined> {
    const host = await this.control.manager.findOne(Host, {
      select: { id: true, revokedBefore: true },
      where: { id: hostId, tenantId },
    });
    return host === null ? undefined : { revokedBefore: host.revokedBefore };
  }

  enrol<T>(claim: EnrolmentClaim, issue: (host: EnrolledHost) => Promise<T>): Promise<T | undefined> {
    return this.control.transaction(async (manager) => {
      const token = await redeemToken(manager, 'join', claim.joinToken);
      if (token === null) return undefined;
      const { tenantId } = token;
      const hostId = await nameHost(manager, tenantId, claim);
      const issued = await issue({ tenantId, hostId });
      const details = { hostname: claim.hostname, machineId: claim.machineId };
      await audit(manager, { tenantId, actor, action: 'host.enrolled', subject: hostId, details });
      return issued;
    });
  }

  async saveFacts({ tenantId, hostId }: EnrolledHost, facts: object, seenAt: Date): Promise<void> {
    await this.control.manager.update(Host, { id: hostId, tenantId }, { facts, lastSeenAt: seenAt });
  }

  writeHeard(heard: HeardHosts): Promise<void> {
    return writeHeard(this.control, heard);
  }

  async audit(fact: AuditFact): Promise<void> {
    await audit(this.control.manager, { ...fact, actor });
  }
}

/**
 * The id that this machine has in its tenant; a new one when it has none. By SQL, which says the id: two enrolments at once agree by the
 * unique index.
 */
async function nameHost(manager: EntityManager, tenantId: string, claim: EnrolmentClaim): Promise<string> {
  const rows: { id: string }[] = await manager.query(
    `INSERT INTO hosts (id, tenant_id, name, machine_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (tenant_id, machine_id) DO UPDATE SET name = excluded.name RETURNING id`,
    [`host-${randomBytes(8).toString('hex')}`, tenantId, claim.hostname, claim.machineId],
  );
  const [host] = rows;
  if (host === undefined) throw new Error('PostgreSQL returned no host for an upsert');
  return host.id;
}
