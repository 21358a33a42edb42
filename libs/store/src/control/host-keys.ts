// Which keys of the installation each host goes by, as its agent said last. Of all tenants: the keys are the installation's.
import type { DataSource, EntityManager } from 'typeorm';
import { auditAll } from './audit.ts';
import { Tenant } from './entities/tenancy.ts';

/** An instance of ingest that has not written for this long is gone, and its hosts with it. */
const INSTANCE_GONE_S = 10;

export interface HostKeysRow {
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  readonly isConnected: boolean;
  /** Its agent can follow: those from before keys were handed over say nothing of them. */
  readonly canFollow: boolean;
  /** Number of the command keys that it has taken. */
  readonly commandKeys: number;
  /** SHA-256 of the certificate of the authority that issued its own, hex. */
  readonly issuer: string;
  /** Of those that it trusts. */
  readonly authorities: readonly string[];
  /** Unix ms; 0: not known. */
  readonly certificateExpiresAtMs: number;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  readonly isConnected: boolean;
  readonly keys: {
    readonly commandKeys?: string;
    readonly issuer?: string;
    readonly authorities?: string[];
    readonly certificateExpiresAtUs?: string;
  } | null;
}

/** Those that were not revoked. SQL, for a part of the facts and the database's clock. */
export async function hostKeys(database: DataSource): Promise<HostKeysRow[]> {
  const rows = await database.query<Row[]>(
    `SELECT h.id, h.name, h.tenant_id AS "tenantId", h.facts->'keys' AS keys,
       (p.host_id IS NOT NULL AND p.left_at IS NULL AND b.beat_at > now() - make_interval(secs => $1)) IS TRUE AS "isConnected"
     FROM hosts h LEFT JOIN host_presence p ON p.host_id = h.id LEFT JOIN ingest_beats b ON b.instance = p.instance
     WHERE h.revoked_before IS NULL ORDER BY h.name, h.id`,
    [INSTANCE_GONE_S],
  );
  return rows.map(({ keys, ...host }) => ({
    ...host,
    canFollow: keys !== null,
    commandKeys: Number(keys?.commandKeys ?? 0),
    issuer: keys?.issuer ?? '',
    authorities: keys?.authorities ?? [],
    certificateExpiresAtMs: Math.floor(Number(keys?.certificateExpiresAtUs ?? 0) / 1_000),
  }));
}

export interface KeyDeed {
  /** Who did it. */
  readonly actor: string;
  /** "key.announced", "key.turned", …. */
  readonly action: string;
  /** Which key: "command", "authority", "ingest". */
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** In the trail of each tenant: what its hosts obey is another key's from then on. */
export async function auditKeyDeed(manager: EntityManager, deed: KeyDeed): Promise<void> {
  const tenants = await manager.find(Tenant, { select: { id: true } });
  await auditAll(
    manager,
    tenants.map(({ id: tenantId }) => ({ tenantId, ...deed })),
  );
}
