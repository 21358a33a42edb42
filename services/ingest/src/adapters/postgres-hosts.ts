// Hosts in the control plane (PostgreSQL).
import { NornError } from '@norn/base';
import {
  AuditEntry,
  type HeardHosts,
  Host,
  type TokenStop,
  audit,
  maintenanceTokenOf,
  redeemToken,
  redeemToldLater,
  writeHeard,
} from '@norn/store';
import { randomBytes } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import type {
  AuditFact,
  EnrolledHost,
  EnrolmentClaim,
  HostRegistry,
  KnownHost,
  ProvenHost,
} from '../ports/host-registry.ts';

const actor: AuditEntry['actor'] = 'ingest';
/** Hosts of the same machine that an audit entry names. */
const alikeMax = 20;

export class PostgresHosts implements HostRegistry {
  constructor(private readonly control: DataSource) {}

  async find(tenantId: string, hostId: string): Promise<KnownHost | undefined> {
    const host = await this.control.manager.findOne(Host, {
      select: { id: true, revokedBefore: true, inside: true },
      where: { id: hostId, tenantId },
    });
    return host === null ? undefined : { isRevoked: host.revokedBefore !== null, inside: host.inside };
  }

  enrol<T>(claim: EnrolmentClaim, issue: (host: EnrolledHost) => Promise<T>): Promise<T | undefined> {
    return this.control.transaction(async (manager) => {
      const token = await redeemToken(manager, 'join', claim.joinToken);
      if (token === null) return undefined;
      const { tenantId, hostGroup: joinedGroup } = token;
      const { hostname, machineId, inside } = claim;
      const alike = await hostsOfMachine(manager, tenantId, machineId);
      const hostId = `host-${randomBytes(8).toString('hex')}`;
      await manager.insert(Host, { id: hostId, tenantId, name: hostname, machineId, inside, joinedGroup });
      const issued = await issue({ tenantId, hostId });
      const details = { hostname, machineId, inside, joinedGroup, alike };
      await audit(manager, { tenantId, actor, action: 'host.enrolled', subject: hostId, details });
      return issued;
    });
  }

  certifyAgain<T>(proven: ProvenHost, issue: (host: EnrolledHost) => Promise<T>): Promise<T> {
    const { tenantId, hostId, hostname, action, details } = proven;
    return this.control.transaction(async (manager) => {
      const lock = { mode: 'pessimistic_write' } as const;
      const host = await manager.findOne(Host, { where: { id: hostId, tenantId }, lock });
      if (host === null) throw new NornError('host_unknown', `This installation has no host ${hostId}`);
      if (host.revokedBefore !== null)
        throw new NornError('certificate_revoked', `The certificates of ${hostId} were revoked`);
      if (hostname !== undefined) await manager.update(Host, { id: hostId }, { name: hostname });
      const issued = await issue({ tenantId, hostId });
      await audit(manager, { tenantId, actor, action, subject: hostId, details });
      return issued;
    });
  }

  maintenanceToken({ tenantId, hostId }: EnrolledHost): Promise<string | undefined> {
    return maintenanceTokenOf(this.control, tenantId, hostId);
  }

  redeemToldLater({ hostId }: EnrolledHost, stop: TokenStop): Promise<void> {
    return redeemToldLater(this.control, hostId, stop);
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

/** Others that said to be the same machine: clones, former lives, or somebody who read its id. For whoever looks into it. */
async function hostsOfMachine(manager: EntityManager, tenantId: string, machineId: string): Promise<string[]> {
  const hosts = await manager.find(Host, { select: { id: true }, where: { tenantId, machineId }, take: alikeMax });
  return hosts.map(({ id }) => id);
}
