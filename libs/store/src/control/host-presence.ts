// Who is connected, written by ingest, and who is missing, asked by detection. All times are the database's, for instances' clocks may differ.
import type { DataSource, EntityManager } from 'typeorm';
import { type RefusedStops, auditRefusedStops, redeemMaintenanceTokens } from './maintenance-tokens.ts';

/** An instance that has not written for this long is gone, and its hosts with it. It writes once a second. */
const INSTANCE_GONE_S = 10;
/** A break of this long, and what was said meanwhile was not heard. */
const DEAF_S = 15;
/** How long hosts have to come back after an instance has begun to listen. */
const COME_BACK_S = 30;
/** How long a machine that said that it goes down has to come back. */
const BOOT_S = 600;
const TROUBLES_MAX = 1_000;

export interface PresenceChange {
  readonly tenantId: string;
  readonly hostId: string;
  /** UUID; of the connection that came or went. */
  readonly connection: string;
  readonly isConnected: boolean;
}

export interface ProtectionChange {
  readonly hostId: string;
  readonly isProtected: boolean;
  /** Of Baldur, since its Tyr began; of Tyr without a farewell, since the host was enrolled. */
  readonly baldurEnds: number;
  readonly tyrEnds: number;
  /** Wrong maintenance tokens that were given to stop it, since the agent is on the host. */
  readonly stopsRefused: number;
  /** Hex, of this run of the agent and of the one before that ended in order; empty: not said. */
  readonly run: string;
  readonly previousRun: string;
  /** Why it goes, said at its end; empty: it stays. */
  readonly leaving: '' | 'stopped' | 'shutdown';
  /** Hex, of who stopped it with the host's maintenance token. */
  readonly leavingProof: string;
}

export interface HeardHosts {
  /** UUID of the ingest that heard it. */
  readonly instance: string;
  readonly presence: readonly PresenceChange[];
  readonly protection: readonly ProtectionChange[];
}

export type TroubleKind = 'silent' | 'stopped' | 'unprotected' | 'ended' | 'replaced' | 'refused';

export interface HostTroubleRow {
  readonly tenantId: string;
  readonly hostId: string;
  readonly hostName: string;
  readonly kind: TroubleKind;
  /** ISO 8601, µs: what names the trouble. */
  readonly since: string;
}

/** Says that the instance listens, and what it has heard: all of it or nothing. SQL, for the database's clock. */
export async function writeHeard(database: DataSource, heard: HeardHosts): Promise<void> {
  await database.transaction(async (manager) => {
    await writePresence(manager, heard);
    const permitted = await redeemMaintenanceTokens(manager, heard.protection);
    await auditRefusedStops(manager, await writeProtection(manager, heard.protection, permitted));
    await manager.query(
      `INSERT INTO ingest_beats (instance, hearing_since, beat_at) VALUES ($1, now(), now())
       ON CONFLICT (instance) DO UPDATE SET beat_at = now(),
         hearing_since = CASE WHEN ingest_beats.beat_at < now() - make_interval(secs => $2) THEN now() ELSE ingest_beats.hearing_since END`,
      [heard.instance, DEAF_S],
    );
    await manager.query(
      `DELETE FROM ingest_beats WHERE beat_at < now() - interval '1 hour'
       AND NOT EXISTS (SELECT FROM host_presence p WHERE p.instance = ingest_beats.instance)`,
    );
  });
}

/** A connection that went says nothing of one that has come to another instance since; of those here its own knows which is the newest. SQL, for many rows at once and the condition. */
async function writePresence(manager: EntityManager, { instance, presence }: HeardHosts): Promise<void> {
  if (presence.length === 0) return;
  await manager.query(
    `INSERT INTO host_presence (host_id, tenant_id, instance, connection, arrived_at, left_at)
     SELECT h.id, h.tenant_id, $1::uuid, c.connection, now(), CASE WHEN c.connected THEN NULL ELSE now() END
     FROM unnest($2::text[], $3::text[], $4::uuid[], $5::boolean[]) AS c (tenant_id, host_id, connection, connected)
     JOIN hosts h ON h.id = c.host_id AND h.tenant_id = c.tenant_id
     ON CONFLICT (host_id) DO UPDATE SET instance = excluded.instance, connection = excluded.connection,
       arrived_at = CASE WHEN excluded.left_at IS NULL THEN excluded.arrived_at ELSE host_presence.arrived_at END, left_at = excluded.left_at
     WHERE excluded.left_at IS NULL OR host_presence.instance = excluded.instance OR host_presence.connection = excluded.connection`,
    [
      instance,
      presence.map(({ tenantId }) => tenantId),
      presence.map(({ hostId }) => hostId),
      presence.map(({ connection }) => connection),
      presence.map(({ isConnected }) => isConnected),
    ],
  );
}

/**
 * SQL, for many rows at once, each compared with what it was. Of `permitted` hosts the agent was stopped with their maintenance token. After such a stop,
 * or one of its machine, a host is without protection from its new start on. Returns those where somebody gave a wrong token since.
 */
async function writeProtection(
  manager: EntityManager,
  protection: readonly ProtectionChange[],
  permitted: ReadonlySet<string>,
): Promise<readonly RefusedStops[]> {
  if (protection.length === 0) return [];
  return manager.query<RefusedStops[]>(
    `WITH heard AS (UPDATE host_presence SET unprotected_since = CASE WHEN c.protected THEN NULL
         WHEN host_presence.leaving IN ('permitted', 'shutdown') AND host_presence.run IS DISTINCT FROM nullif(c.run, '') THEN now()
         ELSE coalesce(unprotected_since, now()) END,
       ended_at = CASE WHEN c.baldur_ends > host_presence.baldur_ends OR c.tyr_ends > host_presence.tyr_ends THEN now() ELSE ended_at END,
       replaced_at = CASE WHEN host_presence.run NOT IN (c.run, c.previous_run) AND NOT c.tyr_ends > host_presence.tyr_ends THEN now() ELSE replaced_at END,
       refused_at = CASE WHEN c.stops_refused > host_presence.stops_refused THEN now() ELSE refused_at END, stops_refused = c.stops_refused,
       baldur_ends = c.baldur_ends, tyr_ends = c.tyr_ends, run = nullif(c.run, ''),
       leaving = CASE WHEN host_presence.leaving = 'permitted' AND host_presence.run = c.run AND c.leaving = 'stopped' THEN 'permitted' ELSE c.leaving END
     FROM unnest($1::text[], $2::boolean[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[])
       AS c (host_id, protected, baldur_ends, tyr_ends, run, previous_run, leaving, stops_refused)
     WHERE host_presence.host_id = c.host_id
     RETURNING host_presence.host_id, host_presence.stops_refused, refused_at)
     SELECT h.id AS "hostId", h.tenant_id AS "tenantId", h.name, heard.stops_refused::float8 AS total
     FROM heard JOIN hosts h ON h.id = heard.host_id WHERE heard.refused_at = now()`,
    [
      protection.map(({ hostId }) => hostId),
      protection.map(({ isProtected }) => isProtected),
      protection.map(({ baldurEnds }) => baldurEnds),
      protection.map(({ tyrEnds }) => tyrEnds),
      protection.map(({ run }) => run),
      protection.map(({ previousRun }) => previousRun),
      protection.map(({ hostId, leaving }) => (permitted.has(hostId) ? 'permitted' : leaving)),
      protection.map(({ stopsRefused }) => stopsRefused),
    ],
  );
}

/**
 * Machines that are gone for at least `silentS`, those that have had no protection for at least `unprotectedS`, seconds, those of whose agent a part
 * has ended, those where somebody gave a wrong maintenance token, those that another agent speaks for, and were not told of. A container comes and goes;
 * a host that was revoked is silent by intent, and so is one whose agent was stopped with its maintenance token, until it is back, and one in
 * maintenance, until that is over; but never may another agent speak for it. Nobody is missed while no ingest has listened for long enough to hear him.
 * SQL, for conditions over both tables in one look.
 */
export async function hostsInTrouble(
  database: DataSource,
  { silentS, unprotectedS }: { readonly silentS: number; readonly unprotectedS: number },
): Promise<HostTroubleRow[]> {
  return database.query<HostTroubleRow[]>(
    `WITH seen AS (
       SELECT p.*, coalesce(p.left_at, CASE WHEN b.beat_at IS NULL THEN p.arrived_at
         WHEN b.beat_at < now() - make_interval(secs => $1) THEN b.beat_at END) AS gone
       FROM host_presence p LEFT JOIN ingest_beats b ON b.instance = p.instance
     ), trouble AS (
       SELECT tenant_id, host_id, CASE leaving WHEN 'stopped' THEN 'stopped' ELSE 'silent' END AS kind, gone AS since FROM seen
       WHERE leaving <> 'permitted' AND gone < now() - make_interval(secs => CASE leaving WHEN 'shutdown' THEN $6::float8 ELSE $2::float8 END) AND told_silent IS DISTINCT FROM gone
       UNION ALL
       SELECT tenant_id, host_id, 'unprotected', unprotected_since FROM seen
       WHERE gone IS NULL AND unprotected_since < now() - make_interval(secs => $3) AND told_unprotected IS DISTINCT FROM unprotected_since
       UNION ALL
       SELECT tenant_id, host_id, 'ended', ended_at FROM seen WHERE ended_at IS NOT NULL AND told_ended IS DISTINCT FROM ended_at
       UNION ALL
       SELECT tenant_id, host_id, 'refused', refused_at FROM seen WHERE refused_at IS NOT NULL AND told_refused IS DISTINCT FROM refused_at
       UNION ALL
       SELECT tenant_id, host_id, 'replaced', replaced_at FROM seen WHERE replaced_at IS NOT NULL AND told_replaced IS DISTINCT FROM replaced_at
     )
     SELECT t.tenant_id AS "tenantId", t.host_id AS "hostId", h.name AS "hostName", t.kind,
       to_char(t.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS since
     FROM trouble t JOIN hosts h ON h.id = t.host_id
     WHERE NOT h.inside AND h.revoked_before IS NULL AND (t.kind = 'replaced' OR h.maintenance_until IS NULL OR h.maintenance_until < now())
       AND EXISTS (SELECT FROM ingest_beats WHERE beat_at > now() - make_interval(secs => $1) AND hearing_since < now() - make_interval(secs => $4))
     ORDER BY t.since LIMIT $5`,
    [INSTANCE_GONE_S, silentS, unprotectedS, COME_BACK_S, TROUBLES_MAX, Math.max(silentS, BOOT_S)],
  );
}

/** Containers that went a day ago do not come back; nobody misses them. SQL, for the database's clock and the condition over two tables. */
export async function forgetGoneContainers(database: DataSource): Promise<void> {
  await database.query(
    `DELETE FROM host_presence p USING hosts h WHERE h.id = p.host_id AND h.inside AND p.left_at < now() - interval '1 day'`,
  );
}

/** Where it is kept that these were told of. */
const columns: Readonly<Record<string, readonly TroubleKind[]>> = {
  told_silent: ['silent', 'stopped'],
  told_unprotected: ['unprotected'],
  told_ended: ['ended'],
  told_replaced: ['replaced'],
  told_refused: ['refused'],
};

/** SQL, for many rows at once. */
export async function markTroublesTold(database: DataSource, troubles: readonly HostTroubleRow[]): Promise<void> {
  for (const [column, kinds] of Object.entries(columns)) {
    const told = troubles.filter(({ kind }) => kinds.includes(kind));
    if (told.length === 0) continue;
    await database.query(
      `UPDATE host_presence SET ${column} = c.since
       FROM unnest($1::text[], $2::timestamptz[]) AS c (host_id, since) WHERE host_presence.host_id = c.host_id`,
      [told.map(({ hostId }) => hostId), told.map(({ since }) => since)],
    );
  }
}
