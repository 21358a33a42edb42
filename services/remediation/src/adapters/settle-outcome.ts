// What a host says of a command: its state, the files, and with them the alert's.
import { action } from '@norn/contracts';
import { CommandRecord, type CommandState, audit, commandMoved } from '@norn/store';
import { Metric, count } from '@norn/telemetry';
import type { EntityManager } from 'typeorm';
import type { SentOutcome } from '../ports/response-ledger.port.ts';
import { isFinal, nextState, stateNamed } from '@norn/response';
import { settleAlert } from './settle-alert.ts';
import { dropVerdicts, keepVerdicts } from './keep-verdicts.ts';
import { wordOf } from './note-progress.ts';

/** Whom these name has not ended. */
const leavesAlive: ReadonlySet<string> = new Set(['suspend', 'release']);

/** In the caller's transaction. */
export async function settleOutcome(
  manager: EntityManager,
  sent: SentOutcome,
): Promise<'applied' | 'repeated' | 'refused'> {
  const { outcome } = sent;
  // Before the inbox: what a host makes up leaves no row in it.
  const command = await lockAlertOf(manager, sent);
  if (!command) return refuse(manager, sent);
  if (!(await isFirst(manager, sent))) return 'repeated';
  await settleFiles(manager, command, outcome);
  if (outcome.killedPids.length > 0 && !leavesAlive.has(command.action))
    await addKilled(manager, command.alertId, outcome.killedPids);
  await move(manager, command, outcome);
  return 'applied';
}

async function settleFiles(manager: EntityManager, command: CommandRecord, outcome: action.Outcome): Promise<void> {
  const { state, files } = outcome;
  if (files.length > 0) await countFiles(manager, command.id, files);
  if (command.action !== 'undo') {
    if (files.length > 0) await keepVerdicts(manager, command.alertId, files);
  } else if (state === action.OutcomeState.SUCCEEDED) await dropVerdicts(manager, command, files);
  // A part that comes after the command's end may change what the alert's state says.
  if (files.length > 0 && isFinal(command.state)) await settleAlert(manager, command.alertId);
}

/** What this one command made of how many files. SQL, for it adds to what is there. */
async function countFiles(
  manager: EntityManager,
  commandId: string,
  files: readonly action.FileVerdict[],
): Promise<void> {
  const { RESTORED, REMOVED, UNCHANGED, LOST, CONFLICT } = action.Verdict;
  const counts = [RESTORED, REMOVED, UNCHANGED, LOST, CONFLICT].map(
    (verdict) => files.filter((file) => file.verdict === verdict).length,
  );
  await manager.query(
    `UPDATE commands SET files_changed = files_changed + $2::integer + $3::integer, files_removed = files_removed + $3::integer,
       files_unchanged = files_unchanged + $4::integer, files_lost = files_lost + $5::integer, files_conflict = files_conflict + $6::integer
     WHERE id = $1`,
    [commandId, ...counts],
  );
}

/** One message is one (command, state, part), however often it is delivered. */
function isFirst(manager: EntityManager, { tenantId, hostId, outcome }: SentOutcome): Promise<boolean> {
  const { commandId, state, part } = outcome;
  return isFirstOf(manager, `outcomes:${tenantId}:${hostId}:${commandId}:${state}:${part}`);
}

/** SQL, for the insert says whether it was the first. */
async function isFirstOf(manager: EntityManager, id: string): Promise<boolean> {
  const insert = 'INSERT INTO inbox (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id';
  return (await manager.query<unknown[]>(insert, [id])).length > 0;
}

/**
 * The command, with its alert's row locked to the end of the transaction: that orders everything about the alert's commands. SQL, for
 * the lock is on the row of another table.
 */
async function lockAlertOf(
  manager: EntityManager,
  { tenantId, hostId, outcome }: SentOutcome,
): Promise<CommandRecord | null> {
  const [locked] = await manager.query<unknown[]>(
    `SELECT id FROM alert_handlings WHERE tenant_id = $2
     AND id = (SELECT alert_id FROM commands WHERE id = $1 AND tenant_id = $2 AND host_id = $3) FOR UPDATE`,
    [outcome.commandId, tenantId, hostId],
  );
  return locked ? manager.findOneBy(CommandRecord, { id: outcome.commandId }) : null;
}

/** Counts each. The trail has the first of a host in a minute: a host must not fill it. */
async function refuse(manager: EntityManager, { tenantId, hostId, outcome }: SentOutcome): Promise<'refused'> {
  count(Metric.OutcomesRefused, 1, { reason: 'command_unknown' });
  const minute = Math.trunc(Date.now() / 60_000);
  if (!(await isFirstOf(manager, `outcomes-refused:${tenantId}:${hostId}:${minute}`))) return 'refused';
  const details = {
    hostId,
    reason: 'command_unknown',
    state: outcome.state,
    claimedAlert: outcome.alertId.slice(0, 64),
  };
  const subject = outcome.commandId.slice(0, 64);
  await audit(manager, { tenantId, actor: 'agent', action: 'outcome.refused', subject, details });
  return 'refused';
}

/** SQL, for it adds to what is there, each once. */
async function addKilled(manager: EntityManager, alertId: string, pids: readonly number[]): Promise<void> {
  await manager.query(
    `UPDATE alert_handlings SET killed_pids = ARRAY(SELECT DISTINCT unnest(killed_pids || $2::integer[]) ORDER BY 1), updated_at = now() WHERE id = $1`,
    [alertId, pids],
  );
}

async function move(manager: EntityManager, command: CommandRecord, outcome: action.Outcome): Promise<void> {
  const next = nextState(command.state, stateNamed(outcome));
  if (next === undefined) return;
  const finished = isFinal(next);
  await commandMoved(manager, command.id, { ...wordOf(outcome, next), isFinal: finished });
  if (!finished) return;
  await audit(manager, {
    tenantId: command.tenantId,
    actor: 'agent',
    action: auditName(next, outcome),
    subject: command.id,
    details: { alertId: command.alertId, hostId: command.hostId, action: command.action, code: outcome.code },
  });
  await settleAlert(manager, command.alertId);
}

function auditName(next: CommandState, outcome: action.Outcome): string {
  return outcome.state === action.OutcomeState.REFUSED ? 'command.refused' : `command.${next}`;
}
