// What a person asks of an alert: an action on its host, or to put it away. One transaction; refusals are audited too.
import { NornError } from '@norn/base';
import type { DataSource, EntityManager } from 'typeorm';
import { audit } from './audit.ts';
import { AlertHandling, CommandRecord, type ProtectionResponse } from './entities/handling.ts';
import { moveAlert } from './transitions.ts';
import { issueCommand, type CommandIssuer, type CommandOrder } from './issue-command.ts';
import { protectionsOf } from './tenants.ts';

/** What is known of an alert that somebody asks to act on. */
export interface AskedAbout {
  readonly alert: AlertHandling;
  /** Newest first. */
  readonly commands: readonly CommandRecord[];
  readonly responses: ReadonlyMap<string, ProtectionResponse['response']>;
}

/** Issues what a person asks for. */
export interface PersonIssuer<Action extends string> extends CommandIssuer {
  /** What it becomes, or why not (`orderOf` of libs/response). */
  readonly orderOf: (
    asked: Pick<ActionRequest<Action>, 'action' | 'paths' | 'running'>,
    about: AskedAbout,
  ) => Omit<CommandOrder, 'action' | 'requestedBy' | 'traceparent' | 'findings'>;
}

export interface ActionRequest<Action extends string> {
  readonly tenantId: string;
  readonly alertId: string;
  readonly action: Action;
  /** The user's name. */
  readonly requestedBy: string;
  /** W3C trace context of the request; absent or empty: the command joins the alert's trace. */
  readonly traceparent?: string;
  /** Of a decision about conflicts: only these files, as the alert shows them; none: all. */
  readonly paths?: readonly string[];
  /** Of a kill: what runs of the attack, 32 hex each. */
  readonly running?: readonly string[];
}

/** Issues the command. Throws `alert_unknown` (also for another tenant's), and what `orderOf` throws. */
export async function requestAction<Action extends string>(
  source: DataSource,
  issuer: PersonIssuer<Action>,
  request: ActionRequest<Action>,
): Promise<CommandRecord> {
  const { tenantId, alertId, action, requestedBy, traceparent = '' } = request;
  const issued = await source.transaction(async (manager) => {
    const alert = await lockAlert(manager, tenantId, alertId);
    if (!alert) return undefined;
    const commands = await manager.find(CommandRecord, { where: { alertId }, order: { epoch: 'DESC' } });
    const order = issuer.orderOf(request, { alert, commands, responses: await protectionsOf(manager, tenantId) });
    const id = await issueCommand(manager, issuer, alert, { action, requestedBy, traceparent, ...order });
    return manager.findOneByOrFail(CommandRecord, { id });
  });
  return issued ?? (await refuseUnknown(source, request));
}

/** Puts an alert away; nothing happens on the host. Throws `alert_unknown`. */
export async function archiveAlert(
  source: DataSource,
  request: Pick<ActionRequest<string>, 'tenantId' | 'alertId' | 'requestedBy'>,
): Promise<AlertHandling> {
  const { tenantId, alertId, requestedBy } = request;
  const archived = await source.transaction(async (manager) => {
    const handling = await lockAlert(manager, tenantId, alertId);
    if (!handling || handling.state === 'archived') return handling;
    await moveAlert(manager, alertId, 'archived');
    const details = { before: handling.state };
    await audit(manager, { tenantId, actor: requestedBy, action: 'alert.archived', subject: alertId, details });
    return manager.findOneByOrFail(AlertHandling, { id: alertId });
  });
  return archived ?? (await refuseUnknown(source, { ...request, action: 'archive' }));
}

/** The alert's row until the end of the transaction, or null when this tenant has none of that id. */
export async function lockAlert(
  manager: EntityManager,
  tenantId: string,
  alertId: string,
): Promise<AlertHandling | null> {
  return manager.findOne(AlertHandling, { where: { id: alertId, tenantId }, lock: { mode: 'pessimistic_write' } });
}

async function refuseUnknown(
  source: DataSource,
  {
    tenantId,
    alertId,
    action,
    requestedBy,
  }: { tenantId: string; alertId: string; action: string; requestedBy: string },
): Promise<never> {
  const details = { action, reason: 'alert_unknown' };
  await audit(source.manager, { tenantId, actor: requestedBy, action: 'command.refused', subject: alertId, details });
  throw new NornError('alert_unknown', `There is no alert ${alertId}: look at the list of alerts for its id`);
}
