// Builds the alerts and outcomes of a test, as detection and the agent would write them.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { fromHex } from '@norn/base';
import type { BusRecord, TopicName } from '@norn/bus';
import { action, finding } from '@norn/contracts';
import { type ProofSigner, proveFinding } from '@norn/response';
import { makeTestProofs } from '@norn/response/testing';

export const tenantId = 'default';
export const hostId = 'host-0123456789abcdef';
export const hostKey = `${tenantId}:${hostId}`;

/** Whose word counts in a test that has no installation. */
export const proofs = makeTestProofs();

/** A 32-hex id out of a short name. */
export function idOf(name: string): string {
  return Buffer.from(name).toString('hex').padEnd(32, '0').slice(0, 32);
}

export function reflexFinding(
  name: string,
  scope = name,
  more: Omit<MessageInitShape<typeof finding.FindingSchema>, '$typeName'> = {},
): finding.Finding {
  return create(finding.FindingSchema, {
    id: idOf(name),
    ruleId: 'reflex.ransomware',
    source: finding.FindingSource.REFLEX,
    severity: finding.Severity.CRITICAL,
    scopeUid: fromHex(idOf(scope)),
    response: create(finding.ResponseSchema, { rung: finding.ResponseRung.KILLED, pids: [41, 42] }),
    ...more,
  });
}

/** As detection writes it. */
export function alertOf(
  name: string,
  version: number,
  found: readonly finding.Finding[],
  detection: ProofSigner = proofs.detection,
): finding.Alert {
  const findings = found.map((each) => {
    const owned = { ...each, tenantId, hostId };
    return { ...owned, proof: proveFinding(owned, detection) };
  });
  return create(finding.AlertSchema, {
    id: idOf(name),
    tenantId,
    hostId,
    version,
    severity: finding.Severity.CRITICAL,
    title: 'Files encrypted or wiped',
    createdAtUs: 1_700_000_000_000_000n,
    findings,
    findingsTotal: findings.length,
  });
}

export function alertRecord(alert: finding.Alert, key = hostKey): BusRecord {
  return recordOf('alerts', toBinary(finding.AlertSchema, alert), key);
}

export function outcomeRecord(
  commandId: string,
  state: action.OutcomeState,
  more: Omit<MessageInitShape<typeof action.OutcomeSchema>, '$typeName'> = {},
  key = hostKey,
): BusRecord {
  // As ingest writes it: by the certificate, as the key.
  const [tenant = '', host = ''] = key.split(':');
  const sender = { tenantId: tenant, hostId: host };
  const outcome = create(action.OutcomeSchema, { commandId, state, code: 'ok', ...sender, ...more });
  return recordOf('outcomes', toBinary(action.OutcomeSchema, outcome), key);
}

export function fileVerdict(path: string, verdict: action.Verdict): action.FileVerdict {
  return create(action.FileVerdictSchema, { path: Buffer.from(path), verdict });
}

function recordOf(topic: TopicName, value: Uint8Array, key: string): BusRecord {
  return { topic, partition: 0, offset: 0, key, value, headers: { schema: '1' } };
}
