// The append-only trail: who did what to what, and what was refused.
import type { EntityManager } from 'typeorm';

export interface AuditFact {
  readonly tenantId: string;
  /** "policy", "ingest", "agent", or a user's name. */
  readonly actor: string;
  /** "command.requested", "command.refused", "login", …. */
  readonly action: string;
  /** Id of what it was done to. */
  readonly subject: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** All of them or none. By SQL: however many there are, they are one statement with one parameter. */
export async function auditAll(manager: EntityManager, facts: readonly AuditFact[]): Promise<void> {
  await manager.query(
    `INSERT INTO audit_entries (tenant_id, actor, action, subject, details)
     SELECT "tenantId", actor, action, subject, coalesce(details, '{}') FROM jsonb_to_recordset($1::jsonb)
       AS fact("tenantId" text, actor text, action text, subject text, details jsonb)`,
    [JSON.stringify(facts, storable)],
  );
}

/** Writes one entry in the caller's transaction, so that the deed and its trace stand or fall together. */
export async function audit(manager: EntityManager, fact: AuditFact): Promise<void> {
  await auditAll(manager, [fact]);
}

/** Text that PostgreSQL's JSON takes: neither NUL nor half a letter. What a stranger wrote must not keep the deed out of the trail. */
function storable(_: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value;
}
