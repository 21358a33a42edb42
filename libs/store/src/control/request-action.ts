// What a person asks of an alert: an action on its host, or to put it away. One transaction; refusals are audited too.
import { fromBinary } from '@bufbuild/protobuf';
import { NornError, toHex } from '@norn/base';
import { finding } from '@norn/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { audit } from './audit.ts';
import {
  AlertHandling,
  CommandRecord,
  isolating,
  type Policy,
  restoring,
  type ActionName,
} from './entities/handling.ts';
import { issueCommand, type CommandIssuer, type CommandOrder } from './issue-command.ts';
import { standingRestores, undoneIds } from './restores.ts';
import { protectionsOf } from './tenants.ts';

/** Issues what a person asks for. */
export interface PersonIssuer extends CommandIssuer {
  /** Whose work a restore takes back: policy's own rule (`findingsToRestore` of libs/response). */
  readonly findingsToRestore: (
    findings: readonly finding.Finding[],
    policies: ReadonlyMap<string, Policy['response']>,
  ) => finding.Finding[];
}

export interface ActionRequest {
  readonly tenantId: string;
  readonly alertId: string;
  readonly action: ActionName;
  /** The user's name. */
  readonly requestedBy: string;
  /** W3C trace context of the request; absent or empty: the command joins the alert's trace. */
  readonly traceparent?: string;
  /** Of `restore-conflicts`: only these files, as the alert shows them; none: all. */
  readonly paths?: readonly string[];
  /** Of a kill: what runs of the attack, 32 hex each. An agent that started since does not know whose descendant an orphan is. */
  readonly running?: readonly string[];
}

/** A host takes no command that names more processes. */
const SCOPES_MAX = 1_000;

/**
 * Issues the command. Throws `alert_unknown` (also for another tenant's), `action_pending` when the same one is on its way (of those that put
 * files back: any), `no_container` and `nothing_to_undo`.
 */
export async function requestAction(
  source: DataSource,
  issuer: PersonIssuer,
  request: ActionRequest,
): Promise<CommandRecord> {
  const issued = await source.transaction(async (manager) => {
    const locked = await lockAlert(manager, request.tenantId, request.alertId);
    if (!locked) return undefined;
    await refusePending(manager, request);
    const { action, requestedBy, traceparent = '', paths = [] } = request;
    const what = withRunning(await scopeOf(manager, issuer, locked, action), request.running);
    if (isOfContainer(action) && locked.containerId === '') throw noContainer(locked);
    const id = await issueCommand(manager, issuer, locked, { action, requestedBy, traceparent, paths, ...what });
    return manager.findOneByOrFail(CommandRecord, { id });
  });
  return issued ?? (await refuseUnknown(source, request));
}

/** Puts an alert away; nothing happens on the host. Throws `alert_unknown`. */
export async function archiveAlert(
  source: DataSource,
  request: Omit<ActionRequest, 'action' | 'traceparent' | 'paths'>,
): Promise<AlertHandling> {
  const { tenantId, alertId, requestedBy } = request;
  const archived = await source.transaction(async (manager) => {
    const handling = await lockAlert(manager, tenantId, alertId);
    if (!handling || handling.state === 'archived') return handling;
    await manager.query(`UPDATE alert_handlings SET state = 'archived', updated_at = now() WHERE id = $1`, [alertId]);
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

async function refusePending(manager: EntityManager, { tenantId, alertId, action }: ActionRequest): Promise<void> {
  const rivals = [restoring, isolating].find((group) => group.includes(action)) ?? [action];
  const pending = await manager.query<{ id: string; action: string }[]>(
    'SELECT id, action FROM commands WHERE tenant_id = $1 AND alert_id = $2 AND action = ANY($3) AND finished_at IS NULL LIMIT 1',
    [tenantId, alertId, rivals],
  );
  const [command] = pending;
  if (!command) return;
  throw new NornError(
    'action_pending',
    `A ${command.action} of this alert is on its way (command ${command.id}): wait for its outcome`,
  );
}

type Order = Pick<CommandOrder, 'scopeUids' | 'findingIds' | 'undoes'>;

/** By hand a restore takes back the work of those whom policy's restore is about, and of no others unless that is asked for. */
async function scopeOf(
  manager: EntityManager,
  { findingsToRestore }: PersonIssuer,
  handling: AlertHandling,
  action: ActionName,
): Promise<Order> {
  if (action === 'undo') return undoOf(manager, handling);
  const { findings } = fromBinary(finding.AlertSchema, handling.body);
  if (action === 'restore-blamed' || !action.startsWith('restore')) return blamed(handling, findings);
  const meant = blamed(handling, findingsToRestore(findings, await protectionsOf(manager, handling.tenantId)));
  if (action !== 'restore-conflicts') return meant;
  const earlier = await restoredScopes(manager, handling);
  return { ...meant, scopeUids: [...new Set([...meant.scopeUids, ...earlier])] };
}

/** First what is blamed: it reaches what it started, and what is not known yet. */
function withRunning(order: Order, running: readonly string[] = []): Order {
  return { ...order, scopeUids: [...new Set([...order.scopeUids, ...running])].slice(0, SCOPES_MAX) };
}

/** A conflict is of the restore that met it, which may have been about more. */
async function restoredScopes(manager: EntityManager, { id }: AlertHandling): Promise<string[]> {
  const commands = await manager.findBy(CommandRecord, { alertId: id });
  const undone = undoneIds(commands);
  const stands = (each: CommandRecord): boolean => each.state === 'succeeded' && !undone.includes(each.id);
  const restores = commands.filter((each) => each.action.startsWith('restore') && stands(each));
  return restores.flatMap(({ scopeUids }) => scopeUids);
}

/** The newest restore that nobody has undone. The host knows by its id what it did, so no process is named. */
async function undoOf(manager: EntityManager, handling: AlertHandling): Promise<Order> {
  const commands = await manager.find(CommandRecord, { where: { alertId: handling.id }, order: { epoch: 'DESC' } });
  const [restore] = standingRestores(commands);
  const { findings } = fromBinary(finding.AlertSchema, handling.body);
  if (restore) return { scopeUids: [], findingIds: findings.map((each) => each.id), undoes: restore.id };
  throw new NornError(
    'nothing_to_undo',
    `No restore of alert ${handling.id} stands: \`./norn restore ${handling.id.slice(0, 12)}\` makes one`,
  );
}

function isOfContainer(action: ActionName): boolean {
  return action.startsWith('restore-container') || action === 'kill-container' || isolating.includes(action);
}

function noContainer({ id }: AlertHandling): NornError {
  return new NornError(
    'no_container',
    `Alert ${id} is not in a container: \`./norn restore ${id.slice(0, 12)}\` puts back what the attack changed on the host`,
  );
}

/** Those whom the findings blame; the alert's own scope where they name nobody. */
function blamed(handling: AlertHandling, findings: readonly finding.Finding[]): Order {
  const scopes = new Set(findings.map((each) => toHex(each.scopeUid)).filter((uid) => uid !== ''));
  if (scopes.size === 0) scopes.add(toHex(fromBinary(finding.AlertSchema, handling.body).scopeUid));
  return { scopeUids: [...scopes], findingIds: findings.map((each) => each.id) };
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
