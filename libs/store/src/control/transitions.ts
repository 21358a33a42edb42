// How commands and alerts move from state to state in the database. The rules are in libs/response; each way a row may take is a function here.
import type { EntityManager } from 'typeorm';
import { AlertHandling, type AlertState, type CommandState } from './entities/handling.ts';
import { COMMANDS_TOPIC } from './issue-command.ts';

/** What a host said of a command. */
export interface CommandWord {
  readonly state: CommandState;
  readonly code: string;
  readonly message: string;
  /** The host gets it again when it says nothing more for this long, ms. */
  readonly retryMs: number;
}

/** Gives an alert, whose row the caller has locked, another state. */
export async function moveAlert(manager: EntityManager, alertId: string, state: AlertState): Promise<void> {
  await manager.update(AlertHandling, { id: alertId }, { state, updatedAt: () => 'now()' });
}

/** Kafka has them. By SQL: however many ids, they are one parameter. */
export async function commandsDispatched(manager: EntityManager, ids: readonly string[]): Promise<void> {
  await manager.query(
    `UPDATE commands SET state = 'dispatched', updated_at = now() WHERE id = ANY($1) AND state = 'requested'`,
    [ids],
  );
}

/**
 * A host has it, or runs it. Whether it moved: it was in one of the states `from`, and is the host's. By SQL, for the database's clock, and to say
 * whether it moved, without a lock.
 */
export async function commandProgressed(
  manager: EntityManager,
  { id, tenantId, hostId }: { id: string; tenantId: string; hostId: string },
  { state, code, message, retryMs, from }: CommandWord & { readonly from: readonly CommandState[] },
): Promise<boolean> {
  const [, moved] = await manager.query<[unknown, number]>(
    `UPDATE commands SET state = $4, code = $5, message = $6, updated_at = now(), retry_at = now() + $7 * interval '1 millisecond'
     WHERE id = $1 AND tenant_id = $2 AND host_id = $3 AND state = ANY($8)`,
    [id, tenantId, hostId, state, code, message, retryMs, from],
  );
  return moved > 0;
}

/** The caller has locked its alert. SQL, for the database's clock: of the transaction, and of now. */
export async function commandMoved(
  manager: EntityManager,
  id: string,
  { state, code, message, retryMs, isFinal }: CommandWord & { readonly isFinal: boolean },
): Promise<void> {
  await manager.query(
    `UPDATE commands SET state = $2, code = $3, message = $4, updated_at = now(), retry_at = now() + $5 * interval '1 millisecond',
       finished_at = CASE WHEN $6 THEN clock_timestamp() ELSE finished_at END WHERE id = $1`,
    [id, state, code, message, retryMs, isFinal],
  );
}

/**
 * A command that is still in the outbox is not dispatched twice: only what Kafka has and the host has not confirmed. All such commands of an
 * alert go again together and in order: the host refuses a lower epoch after a higher one. At most `most` alerts' are looked at; the wait until
 * the next time doubles up to `retryMaxMs`. Returns how many. SQL, for locks, the clock, and two tables in one statement.
 */
export async function commandsDispatchedAgain(
  manager: EntityManager,
  { most, retryMaxMs }: { most: number; retryMaxMs: number },
): Promise<number> {
  const [rows] = await manager.query<[unknown[], number]>(
    `WITH late AS (
       SELECT alert_id FROM commands
       WHERE finished_at IS NULL AND state IN ('dispatched', 'delivered') AND retry_at < now() AND expires_at > now()
       ORDER BY retry_at LIMIT $1
     ), due AS (
       SELECT id FROM commands
       WHERE alert_id IN (SELECT alert_id FROM late) AND finished_at IS NULL AND expires_at > now()
         AND (state = 'dispatched' OR state = 'delivered' AND retry_at < now())
       ORDER BY epoch FOR UPDATE SKIP LOCKED
     ), queued AS (
       INSERT INTO outbox (topic, key, body, traceparent)
       SELECT $2, commands.tenant_id || ':' || commands.host_id, commands.signed, commands.traceparent
       FROM commands JOIN due USING (id)
       ORDER BY commands.epoch
     )
     UPDATE commands SET attempts = attempts + 1, updated_at = now(),
       retry_at = now() + least($3, 1000 * power(2, least(attempts, 20))) * interval '1 millisecond'
     FROM due WHERE commands.id = due.id RETURNING commands.id`,
    [most, COMMANDS_TOPIC, retryMaxMs],
  );
  return rows.length;
}

export interface OverdueCommand {
  readonly id: string;
  readonly tenantId: string;
  readonly alertId: string;
}

/** Running commands were started in time; they are given up only when the host says nothing for very long. */
const isOverdue = `finished_at IS NULL AND expires_at < now()
  AND (state <> 'running' OR updated_at < now() - $1 * interval '1 millisecond')`;

/** SQL, for the database's clock. */
export function overdueCommands(
  manager: EntityManager,
  { runningMaxMs, most }: { runningMaxMs: number; most: number },
): Promise<OverdueCommand[]> {
  return manager.query<OverdueCommand[]>(
    `SELECT id, tenant_id AS "tenantId", alert_id AS "alertId" FROM commands WHERE ${isOverdue} ORDER BY epoch LIMIT $2`,
    [runningMaxMs, most],
  );
}

/**
 * Ends a command that is overdue still; the caller has locked its alert. Returns the state that it is in then; undefined when it was not overdue. SQL, for
 * what it becomes follows from what it is at that moment.
 */
export async function commandOverdue(
  manager: EntityManager,
  id: string,
  runningMaxMs: number,
): Promise<CommandState | undefined> {
  const [rows] = await manager.query<[{ state: CommandState }[], number]>(
    `UPDATE commands SET code = CASE state WHEN 'running' THEN 'no_outcome' ELSE 'expired' END,
       message = CASE state WHEN 'running' THEN 'The host began it and never said what came of it'
         ELSE 'The host did not take it in time: is it connected?' END,
       state = CASE state WHEN 'running' THEN 'failed' ELSE 'expired' END, finished_at = now(), updated_at = now()
     WHERE id = $2 AND ${isOverdue} RETURNING state`,
    [runningMaxMs, id],
  );
  return rows[0]?.state;
}
