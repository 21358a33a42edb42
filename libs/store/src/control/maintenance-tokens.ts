// The token without which the agent of a joined host can not be stopped unnoticed: made when the host first asks, shown to administrators, used up by one stop.
import { NornError, fromHex } from '@norn/base';
import { isSameDigest, maintenanceProof, makeMaintenanceToken } from '@norn/contracts';
import { type DataSource, type EntityManager, In, IsNull } from 'typeorm';
import { type AuditFact, auditAll, audit } from './audit.ts';
import { Host } from './entities/tenancy.ts';
import type { HostAccessChange } from './host-access.ts';

const readable = { id: true, tenantId: true, name: true, maintenanceToken: true } as const;

/** Of a run of a host's agent. Both hex. */
export interface TokenStop {
  readonly run: string;
  readonly proof: string;
}

/** Of a host where somebody gave a wrong token. */
export interface RefusedStops {
  readonly tenantId: string;
  readonly hostId: string;
  readonly name: string;
  /** Since the agent is on the host. */
  readonly total: number;
}

interface Leaving {
  readonly hostId: string;
  /** Hex. */
  readonly run: string;
  readonly leavingProof: string;
}

/** Of a host that is there; the same for all who ask until it is used up. Undefined for a host that is not known. */
export async function maintenanceTokenOf(
  database: DataSource,
  tenantId: string,
  id: string,
): Promise<string | undefined> {
  const where = { id, tenantId };
  const made = { maintenanceToken: makeMaintenanceToken() };
  const kept = await database.manager.findOne(Host, { select: readable, where });
  if (kept === null) return undefined;
  if (kept.maintenanceToken !== null) return kept.maintenanceToken;
  // Two who ask at once agree: the second finds the row no longer empty.
  await database.manager.update(Host, { ...where, maintenanceToken: IsNull() }, made);
  return (await database.manager.findOne(Host, { select: readable, where }))?.maintenanceToken ?? undefined;
}

/** For a person to read out; that it was shown is in the trail. Throws `host_unknown`, `maintenance_token_unset`. */
export function showMaintenanceToken(
  database: DataSource,
  { tenantId, actor, hostId }: HostAccessChange,
): Promise<string> {
  return database.transaction(async (manager) => {
    const host = await manager.findOne(Host, { select: readable, where: { id: hostId, tenantId } });
    if (host === null) throw new NornError('host_unknown', `Your tenant has no host ${hostId}: see ./norn hosts`);
    const { name, maintenanceToken } = host;
    if (maintenanceToken === null)
      throw new NornError(
        'maintenance_token_unset',
        `The agent on ${name} asks for no maintenance token: it was not connected since its last stop, and ./norn down there needs none`,
      );
    const action = 'host.maintenance_token_shown';
    await audit(manager, { tenantId, actor, action, subject: hostId, details: { hostname: name } });
    return maintenanceToken;
  });
}

/** Of these hosts whose agent was stopped, those where it was with their token, which is good for nothing more. */
export async function redeemMaintenanceTokens(
  manager: EntityManager,
  stopped: readonly Leaving[],
  details: AuditFact['details'] = {},
): Promise<ReadonlySet<string>> {
  const proofs = new Map(stopped.filter(({ leavingProof }) => leavingProof !== '').map((said) => [said.hostId, said]));
  if (proofs.size === 0) return new Set();
  const lock = { mode: 'pessimistic_write' } as const;
  const hosts = await manager.find(Host, { select: readable, where: { id: In([...proofs.keys()]) }, lock });
  const permitted = hosts.filter(({ id, maintenanceToken }) => isProven(maintenanceToken, proofs.get(id)));
  if (permitted.length === 0) return new Set();
  const ids = permitted.map(({ id }) => id);
  await manager.update(Host, { id: In(ids) }, { maintenanceToken: null });
  await auditAll(
    manager,
    permitted.map(({ id, tenantId, name }) => ({
      tenantId,
      actor: 'agent',
      action: 'host.stopped_by_token',
      subject: id,
      details: { hostname: name, ...details },
    })),
  );
  return new Set(ids);
}

/** Of a stop that the host tells of after its next start, since nobody may have heard it. One that was heard is in the trail already, and changes nothing. */
export async function redeemToldLater(database: DataSource, hostId: string, { run, proof }: TokenStop): Promise<void> {
  await database.transaction((manager) =>
    redeemMaintenanceTokens(manager, [{ hostId, run, leavingProof: proof }], { toldLater: true }),
  );
}

/** Nobody was stopped; that somebody tried is in the trail. */
export async function auditRefusedStops(manager: EntityManager, refused: readonly RefusedStops[]): Promise<void> {
  if (refused.length === 0) return;
  await auditAll(
    manager,
    refused.map(({ tenantId, hostId, name, total }) => ({
      tenantId,
      actor: 'agent',
      action: 'host.stop_refused',
      subject: hostId,
      details: { hostname: name, total },
    })),
  );
}

function isProven(token: string | null, said: Leaving | undefined): boolean {
  if (token === null || said === undefined) return false;
  return isSameDigest(fromHex(said.leavingProof), maintenanceProof(token, fromHex(said.run)));
}
