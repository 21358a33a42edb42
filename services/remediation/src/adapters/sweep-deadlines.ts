// Deadlines by the database's clock: what nobody confirmed is dispatched again, what nobody ran in time is over.
import {
  type OverdueCommand,
  audit,
  commandOverdue,
  commandsDispatchedAgain,
  forgetGoneContainers,
  forgetTokens,
  lockAlert,
  overdueCommands,
} from '@norn/store';
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

/** Bounds what the inbox remembers, and lets go of tokens that let nobody in any more and of containers that are gone. SQL, for the database's clock. */
export async function forgetOld(source: DataSource): Promise<void> {
  await forgetTokens(source.manager);
  await forgetGoneContainers(source);
  await source.query(`DELETE FROM inbox WHERE applied_at < now() - $1 * interval '1 millisecond'`, [
    limits.inboxKeepMs,
  ]);
}

async function dispatchAgain(manager: EntityManager): Promise<number> {
  const retried = await commandsDispatchedAgain(manager, { most: limits.sweepMax, retryMaxMs: limits.retryMaxMs });
  if (retried > 0) count(Metric.CommandsRetried, retried);
  return retried;
}

async function expireCommands(source: DataSource): Promise<number> {
  const { runningMaxMs, sweepMax: most } = limits;
  const overdue = await overdueCommands(source.manager, { runningMaxMs, most });
  let expired = 0;
  for (const each of overdue) expired += await source.transaction((manager) => expireOne(manager, each));
  if (expired > 0) count(Metric.CommandsExpired, expired);
  return expired;
}

async function expireOne(manager: EntityManager, { id, tenantId, alertId }: OverdueCommand): Promise<number> {
  await lockAlert(manager, tenantId, alertId);
  const state = await commandOverdue(manager, id, limits.runningMaxMs);
  if (state === undefined) return 0;
  await audit(manager, { tenantId, actor: 'policy', action: `command.${state}`, subject: id, details: { alertId } });
  await settleAlert(manager, alertId);
  return 1;
}
