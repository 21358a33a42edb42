// Record → alert or outcome, with the sender from the key. What does not parse, or claims another sender, is dead-lettered.
import { fromBinary } from '@bufbuild/protobuf';
import { NornError, messageOf } from '@norn/base';
import type { BusRecord } from '@norn/bus';
import { action, finding } from '@norn/contracts';
import { type DeadLetter, type Outcome, deadLetter, ok } from '@norn/pipeline';
import type { AlertEnvelope, OutcomeEnvelope, Sender } from './envelope.ts';

const hexId = /^[0-9a-f]{32}$/;

export function createOpenAlert(): (record: BusRecord) => Outcome<AlertEnvelope> {
  return function openAlert(record) {
    const alert = parsed(() => fromBinary(finding.AlertSchema, record.value));
    if (alert instanceof Error) return deadLetter('alert_malformed', alert);
    const sender = senderOf(record);
    if (alert.tenantId !== sender.tenantId || alert.hostId !== sender.hostId) {
      return refused(
        'sender_mismatch',
        `Alert ${alert.id} names ${alert.tenantId}:${alert.hostId}, its record ${record.key}`,
      );
    }
    if (!hexId.test(alert.id) || alert.version < 1)
      return refused('alert_malformed', `Alert "${alert.id}" has no usable id or version`);
    return ok({ ...sender, alert });
  };
}

export function createOpenOutcome(): (record: BusRecord) => Outcome<OutcomeEnvelope> {
  return function openOutcome(record) {
    const outcome = parsed(() => fromBinary(action.OutcomeSchema, record.value));
    if (outcome instanceof Error) return deadLetter('outcome_malformed', outcome);
    return ok({ ...senderOf(record), outcome });
  };
}

function senderOf(record: BusRecord): Sender {
  const colon = record.key.indexOf(':');
  return { record, tenantId: record.key.slice(0, Math.max(colon, 0)), hostId: record.key.slice(colon + 1) };
}

function parsed<T>(read: () => T): T | Error {
  try {
    return read();
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

function refused(code: string, message: string): DeadLetter {
  return deadLetter(code, new NornError(code, message));
}
