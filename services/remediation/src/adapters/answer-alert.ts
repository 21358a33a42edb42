// One version of an alert: its row, and the commands that policy asks for and nobody asked for yet.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { finding } from '@norn/contracts';
import {
  POLICY,
  actOf,
  isDenied,
  nothingAnswered,
  provenFindings,
  undoneIds,
  type Answered,
  type Decision,
} from '@norn/response';
import {
  type AlertHandling,
  type CommandIssuer,
  CommandRecord,
  type LockedAlert,
  audit,
  issueCommand,
  lockAlert,
  moveAlert,
  protectionsOf,
} from '@norn/store';
import { Metric, count } from '@norn/telemetry';
import type { EntityManager } from 'typeorm';
import type { Decide } from '../ports/response-ledger.port.ts';

export interface AlertToAnswer {
  readonly alert: finding.Alert;
  readonly traceparent: string;
  readonly decide: Decide;
}

/** In the caller's transaction; the alert's row is locked to its end. */
export async function answerAlert(
  manager: EntityManager,
  issuer: CommandIssuer,
  { alert, traceparent, decide }: AlertToAnswer,
): Promise<number | 'stale'> {
  const before = await lockAlert(manager, alert.tenantId, alert.id);
  if (before && before.version >= alert.version) return 'stale';
  const handling = await keepVersion(manager, { alert, traceparent });
  if (!handling) return 'stale';
  if (before) await reopen(manager, before, alert);
  const answered = before ? await answeredBy(manager, alert.id) : nothingAnswered;
  const decisions = decide(alert, await protectionsOf(manager, alert.tenantId), answered);
  for (const decision of decisions) {
    await issueCommand(manager, issuer, handling, {
      ...provenOrder(alert, decision),
      act: actOf(decision.action),
      requestedBy: POLICY,
      traceparent,
    });
    count(Metric.CommandsIssued, 1, { action: decision.action });
  }
  return decisions.length;
}

/** Of scopes that were restored before, those that the alert still has a finding of: a host acts on no other for a policy. */
function provenOrder({ findings }: finding.Alert, decision: Decision) {
  const blamed = new Set(findings.map((each) => toHex(each.scopeUid)));
  const scopeUids = decision.scopeUids.filter((uid) => blamed.has(uid));
  return { ...decision, scopeUids, findings: provenFindings(findings, { ...decision, scopeUids }) };
}

/**
 * The row, locked by having been written. By SQL, which adds to what is there: undefined when another tenant has an alert of this id, or another writer
 * was faster.
 */
async function keepVersion(
  manager: EntityManager,
  { alert, traceparent }: Omit<AlertToAnswer, 'decide'>,
): Promise<LockedAlert | undefined> {
  const [handling] = await manager.query<LockedAlert[]>(
    `INSERT INTO alert_handlings (id, tenant_id, host_id, version, severity, state, container_id, killed_pids, traceparent, body, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, to_timestamp($10::numeric / 1000000), now())
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, severity = excluded.severity, body = excluded.body, updated_at = now(),
       killed_pids = ARRAY(SELECT DISTINCT unnest(alert_handlings.killed_pids || excluded.killed_pids) ORDER BY 1),
       traceparent = CASE WHEN excluded.traceparent = '' THEN alert_handlings.traceparent ELSE excluded.traceparent END
     WHERE alert_handlings.version < excluded.version
       AND alert_handlings.tenant_id = excluded.tenant_id AND alert_handlings.host_id = excluded.host_id
     RETURNING id, tenant_id AS "tenantId", host_id AS "hostId", container_id AS "containerId", epoch, state, traceparent`,
    [
      alert.id,
      alert.tenantId,
      alert.hostId,
      alert.version,
      alert.severity,
      alert.containerId,
      killedPids(alert),
      traceparent,
      Buffer.from(toBinary(finding.AlertSchema, alert)),
      String(alert.createdAtUs),
    ],
  );
  return handling;
}

/** Those that the agent killed by itself. */
function killedPids(alert: finding.Alert): number[] {
  const dead = alert.findings.filter(
    (each) => (each.response?.rung ?? 0) >= finding.ResponseRung.KILLED && !isDenied(each),
  );
  return [...new Set(dead.flatMap((each) => each.response?.pids ?? []))].sort((a, b) => a - b);
}

async function answeredBy(manager: EntityManager, alertId: string): Promise<Answered> {
  const commands = await manager.findBy(CommandRecord, { alertId });
  const undone = undoneIds(commands);
  const restores = commands.filter(({ id, action }) => action === 'restore' && !undone.includes(id));
  return {
    findingIds: new Set(commands.flatMap(({ findingIds }) => findingIds)),
    restoredScopes: restores.flatMap(({ scopeUids }) => scopeUids),
  };
}

/** What somebody put away comes back with any new finding, also one that the alert has no room for; what was released, with a grave one. */
async function reopen(manager: EntityManager, before: AlertHandling, alert: finding.Alert): Promise<void> {
  if (before.state !== 'archived' && before.state !== 'released') return;
  const earlier = fromBinary(finding.AlertSchema, before.body);
  const known = new Set(earlier.findings.map(({ id }) => id));
  const least = before.state === 'archived' ? finding.Severity.UNSPECIFIED : finding.Severity.MEDIUM;
  const fresh = alert.findings.filter((each) => !known.has(each.id) && each.severity >= least);
  const grown = before.state === 'archived' && alert.findingsTotal > earlier.findingsTotal;
  if (fresh.length === 0 && !grown) return;
  await moveAlert(manager, alert.id, 'open');
  const details = { before: before.state, findingIds: fresh.map(({ id }) => id) };
  await audit(manager, {
    tenantId: alert.tenantId,
    actor: 'policy',
    action: 'alert.reopened',
    subject: alert.id,
    details,
  });
}
