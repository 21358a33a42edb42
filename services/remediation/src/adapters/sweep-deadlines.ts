// Deadlines by the database's clock: what nobody confirmed is dispatched again, what nobody ran in time is over.
import { COMMANDS_TOPIC, audit, forgetTokens, lockAlert } from '@norn/store';
import { Metric, count } from '@norn/telemetry';
import type { DataSource, EntityManager } from 'typeorm';
import { limits } from '../limits.ts';
import { settleAlert } from './settle-alert.ts';

export interface Swept {
  readonly retried: number;
  readonly expired: number;
}

export async function sweepDeadlines(source: DataSource): Promise<Swept> {
  const expired = await expireCommands(source);
  const retried = await source.transaction(dispatchAgain);
  return { retried, expired };
}

/** Bounds what the inbox remembers, and lets go of tokens that let nobody in any more. SQL, for the database's clock, as below. */
export async function forgetOld(source: DataSource): Promise<void> {
  await forgetTokens(source.manager);
  await source.query(`DELETE FROM inbox WHERE applied_at < now() - $1 * interval '1 millisecond'`, [
    limits.inboxKeepMs,
  ]);
}

/**
 * A command that is still in the outbox is not dispatched twice: only what Kafka has and the host has not confirmed. All such commands of an
 * alert go again together and in order: the host refuses a lower epoch after a higher one. SQL, for locks, the clock, and two tables in one statement.
 */
async function dispatchAgain(manager: EntityManager): Promise<number> {
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
    [limits.sweepMax, COMMANDS_TOPIC, limits.retryMaxMs],
  );
  if (rows.length > 0) count(Metric.CommandsRetried, rows.length);
  return rows.length;
}

interface Overdue {
  readonly id: string;
  readonly tenant_id: string;
  readonly alert_id: string;
}

/** SQL, for the database's clock. */
async function expireCommands(source: DataSource): Promise<number> {
  const overdue = await source.query<Overdue[]>(
    `SELECT id, tenant_id, alert_id FROM commands WHERE ${overdueCondition} ORDER BY epoch LIMIT $2`,
    [limits.runningMaxMs, limits.sweepMax],
  );
  let expired = 0;
  for (const each of overdue) expired += await source.transaction((manager) => expireOne(manager, each));
  if (expired > 0) count(Metric.CommandsExpired, expired);
  return expired;
}

/** Running commands were started in time; they are given up only when the host says nothing for very long. */
const overdueCondition = `finished_at IS NULL AND expires_at < now()
  AND (state <> 'running' OR updated_at < now() - $1 * interval '1 millisecond')`;

/** SQL, for what it becomes follows from what it is at that moment. */
async function expireOne(
  manager: EntityManager,
  { id, tenant_id: tenantId, alert_id: alertId }: Overdue,
): Promise<number> {
  await lockAlert(manager, tenantId, alertId);
  const rows = await manager.query<[{ state: string }[], number]>(
    `UPDATE commands SET code = CASE state WHEN 'running' THEN 'no_outcome' ELSE 'expired' END,
       message = CASE state WHEN 'running' THEN 'The host began it and never said what came of it'
         ELSE 'The host did not take it in time: is it connected?' END,
       state = CASE state WHEN 'running' THEN 'failed' ELSE 'expired' END, finished_at = now(), updated_at = now()
     WHERE id = $2 AND ${overdueCondition} RETURNING state`,
    [limits.runningMaxMs, id],
  );
  const [state] = rows[0];
  if (!state) return 0;
  await audit(manager, {
    tenantId,
    actor: 'policy',
    action: `command.${state.state}`,
    subject: id,
    details: { alertId },
  });
  await settleAlert(manager, alertId);
  return 1;
}
