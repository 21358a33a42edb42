// The trail as a chain: each entry is sealed by SHA-256 over the seal before it and the entry's own text.
import { createHash } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';

/** Any fixed number that nothing else in the database locks on. */
const SEAL_LOCK = 7_400_002;
const SEALED_AT_ONCE = 500;
const READ_AT_ONCE = 2_000;
/** By then an entry is sealed, unless nobody seals. */
const SEALED_WITHIN_S = 60;
/** A transaction is over within this: who writes an entry later says that it was before it was, ms. */
const WRITTEN_WITHIN_MS = 600_000;
/** Of the database's own clock there is one, ms. */
const AHEAD_MS = 1_000;

/** All that an entry says, as one text that is the same whenever it is asked for. Times in µs. */
const ENTRY_TEXT = `jsonb_build_array(e.id, e.tenant_id, e.actor, e.action, e.subject, e.details,
  (extract(epoch FROM e.at) * 1000000)::bigint)::text`;

export interface AuditVerification {
  /** Entries whose seals are right, from the first on. */
  readonly sealed: number;
  /** Entries of the last minute that are not sealed yet. */
  readonly waiting: number;
  /** Of the last seal, hex; empty when there is none. Kept elsewhere, it shows an end that was cut off. */
  readonly head: string;
  /** What is wrong first; undefined: the trail is whole. */
  readonly broken: { readonly number: number; readonly reason: string } | undefined;
}

interface SealedRow {
  readonly number: string;
  readonly hash: string;
  /** Null: the entry is gone. */
  readonly text: string | null;
  /** Unix time, ms. */
  readonly at: string | null;
  readonly sealedAt: string;
}

/** A seal that somebody has kept elsewhere. */
export interface KeptSeal {
  readonly number: number;
  /** Hex. */
  readonly hash: string;
}

/** Where a look along the chain has come to. */
interface Look {
  readonly number: number;
  readonly head: string;
  /** Of the entries before, Unix time, ms. */
  readonly latestAt: number;
}

function seal(before: string, text: string): string {
  return createHash('sha256').update(`${before}\n${text}`).digest('hex');
}

/** Seals what waits, one sealer at a time, at most 500 entries in one turn. Returns whether there may be more. SQL, for the lock and the queue. */
export function sealAudit(database: DataSource): Promise<boolean> {
  return database.transaction(async (manager) => {
    const [lock] = await manager.query<{ got: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS got', [SEAL_LOCK]);
    if (lock?.got !== true) return false;
    const entries = await manager.query<{ id: string; tenantId: string; text: string }[]>(
      `WITH taken AS (
         DELETE FROM audit_unsealed WHERE entry_id IN (
           SELECT u.entry_id FROM audit_unsealed u LEFT JOIN audit_entries e ON e.id = u.entry_id ORDER BY e.at, e.id LIMIT ${SEALED_AT_ONCE}
         ) RETURNING entry_id
       )
       SELECT e.id, e.tenant_id AS "tenantId", ${ENTRY_TEXT} AS text
       FROM audit_entries e JOIN taken ON taken.entry_id = e.id ORDER BY e.at, e.id`,
    );
    for (const [tenantId, own] of Map.groupBy(entries, (entry) => entry.tenantId)) await sealOf(manager, tenantId, own);
    return entries.length >= SEALED_AT_ONCE;
  });
}

/** SQL, for many rows at once. */
async function sealOf(
  manager: EntityManager,
  tenantId: string,
  entries: readonly { readonly id: string; readonly text: string }[],
): Promise<void> {
  const [last] = await manager.query<{ number: string; hash: string }[]>(
    'SELECT number, hash FROM audit_seals WHERE tenant_id = $1 ORDER BY number DESC LIMIT 1',
    [tenantId],
  );
  let hash = last?.hash ?? '';
  const hashes = entries.map(({ text }) => (hash = seal(hash, text)));
  await manager.query(
    `INSERT INTO audit_seals (tenant_id, number, entry_id, hash)
     SELECT $1, $2::bigint + place, entry_id, hash FROM unnest($3::uuid[], $4::text[]) WITH ORDINALITY AS s (entry_id, hash, place)`,
    [tenantId, last?.number ?? 0, entries.map(({ id }) => id), hashes],
  );
}

/** Goes along the whole chain of a tenant, and looks whether a seal that was kept elsewhere is in it. SQL, for rows of two tables side by side, some of which may be gone. */
export async function verifyAudit(database: DataSource, tenantId: string, kept?: KeptSeal): Promise<AuditVerification> {
  const waiting = await waitingOf(database, tenantId);
  let sealed = 0;
  let head = '';
  let latestAt = 0;
  for (;;) {
    const rows = await database.query<SealedRow[]>(
      `SELECT s.number, s.hash, CASE WHEN e.id IS NOT NULL THEN ${ENTRY_TEXT} END AS text,
         extract(epoch FROM e.at) * 1000 AS at, extract(epoch FROM s.sealed_at) * 1000 AS "sealedAt"
       FROM audit_seals s LEFT JOIN audit_entries e ON e.id = s.entry_id
       WHERE s.tenant_id = $1 AND s.number > $2 ORDER BY s.number LIMIT ${READ_AT_ONCE}`,
      [tenantId, sealed],
    );
    for (const row of rows) {
      const reason = wrongOf(row, { number: sealed + 1, head, latestAt }) ?? otherThan(kept, row);
      if (reason !== undefined)
        return { sealed, waiting: waiting.lately, head, broken: { number: sealed + 1, reason } };
      sealed += 1;
      head = row.hash;
      latestAt = Math.max(latestAt, Number(row.at));
    }
    if (rows.length < READ_AT_ONCE) break;
  }
  if (kept !== undefined && kept.number > sealed) {
    const reason = `seal ${kept.number}, which was kept, is missing: the end of the trail was cut off`;
    return { sealed, waiting: waiting.lately, head, broken: { number: sealed + 1, reason } };
  }
  const reason = `${waiting.forgotten} entries were never sealed: remediation does not run, or somebody took them off its list`;
  const broken = waiting.forgotten > 0 ? { number: sealed + 1, reason } : undefined;
  return { sealed, waiting: waiting.lately, head, broken };
}

function wrongOf(row: SealedRow, { number, head, latestAt }: Look): string | undefined {
  if (Number(row.number) !== number) return 'a seal is missing';
  if (row.text === null) return 'the entry is missing';
  if (row.hash !== seal(head, row.text)) return 'the entry, or one before it, is not what was sealed';
  const at = Number(row.at);
  if (at > Number(row.sealedAt) + AHEAD_MS) return 'the entry is dated after it was sealed';
  if (at < latestAt - WRITTEN_WITHIN_MS)
    return 'the entry is dated before one that was there before it: it was put in later';
  return undefined;
}

function otherThan(kept: KeptSeal | undefined, { number, hash }: SealedRow): string | undefined {
  if (kept === undefined || Number(number) !== kept.number || hash === kept.hash) return undefined;
  return 'its seal is not the one that was kept: the trail was written anew';
}

/** SQL, for what is in one table and not in another. */
async function waitingOf(database: DataSource, tenantId: string): Promise<{ lately: number; forgotten: number }> {
  const [row] = await database.query<{ lately: string; forgotten: string }[]>(
    `SELECT count(*) FILTER (WHERE e.at >= now() - make_interval(secs => $2)) AS lately,
       count(*) FILTER (WHERE e.at < now() - make_interval(secs => $2)) AS forgotten
     FROM audit_entries e WHERE e.tenant_id = $1 AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.entry_id = e.id)`,
    [tenantId, SEALED_WITHIN_S],
  );
  return { lately: Number(row?.lately ?? 0), forgotten: Number(row?.forgotten ?? 0) };
}
