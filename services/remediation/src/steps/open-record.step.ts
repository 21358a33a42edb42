// Record → alert or outcome, with the sender from the key, whom the body names as well (`libs/bus`). What does not parse is dead-lettered.
import { fromBinary } from '@bufbuild/protobuf';
import { NornError, messageOf } from '@norn/base';
import { type BusRecord, findOwner } from '@norn/bus';
import { action, finding } from '@norn/contracts';
import { type DeadLetter, type Outcome, deadLetter, ok } from '@norn/pipeline';
import type { AlertEnvelope, OutcomeEnvelope, Sender } from './envelope.ts';

const hexId = /^[0-9a-f]{32}$/;
const INT4_MAX = 2_147_483_647;
/** The year 2100, Unix µs. */
const TIME_US_MAX = 4_102_444_800_000_000n;
/** The highest pid that Linux can give (PID_MAX_LIMIT). */
const PID_MAX = 4_194_304;
const KILLED_PIDS_MAX = 4_096;

export function createOpenAlert(): (record: BusRecord) => Outcome<AlertEnvelope> {
  return function openAlert(record) {
    const alert = parsed('alert_malformed', () => fromBinary(finding.AlertSchema, record.value));
    if (alert instanceof NornError) return deadLetter(alert.code, alert);
    const problem = problemOf(alert);
    if (problem !== undefined)
      return refused('alert_malformed', `Alert "${alert.id.slice(0, 64)}" has no usable ${problem}`);
    return ok({ ...senderOf(record), alert });
  };
}

export function createOpenOutcome(): (record: BusRecord) => Outcome<OutcomeEnvelope> {
  return function openOutcome(record) {
    const outcome = parsed('outcome_malformed', () => fromBinary(action.OutcomeSchema, record.value));
    if (outcome instanceof NornError) return deadLetter(outcome.code, outcome);
    if (!hexId.test(outcome.commandId))
      return refused('outcome_malformed', `Outcome of "${outcome.commandId.slice(0, 64)}": no command has such an id`);
    return ok({ ...senderOf(record), outcome: bounded(outcome) });
  };
}

/** The database's types must hold it: what they do not would come again for ever. */
function problemOf(alert: finding.Alert): string | undefined {
  if (!hexId.test(alert.id)) return 'id';
  if (alert.version < 1 || alert.version > INT4_MAX) return 'version';
  if (!/^[\w.-]{0,128}$/.test(alert.containerId)) return 'container id';
  return alert.createdAtUs > TIME_US_MAX ? 'time' : undefined;
}

/** What a host says is cut to what is kept; hosts may be in an attacker's hands. */
function bounded(outcome: action.Outcome): action.Outcome {
  return {
    ...outcome,
    code: clean(outcome.code, 64),
    message: clean(outcome.message, 1_000),
    alertId: clean(outcome.alertId, 64),
    killedPids: outcome.killedPids.filter((pid) => pid <= PID_MAX).slice(0, KILLED_PIDS_MAX),
    files: outcome.files.filter(
      ({ verdict }) => verdict >= action.Verdict.RESTORED && verdict <= action.Verdict.CONFLICT,
    ),
  };
}

/** PostgreSQL takes no NUL in a text. */
function clean(text: string, max: number): string {
  return text.replaceAll('\0', '').slice(0, max);
}

function senderOf(record: BusRecord): Sender {
  return { record, ...(findOwner(record.key) ?? { tenantId: '', hostId: record.key }) };
}

function parsed<T>(code: string, read: () => T): T | NornError {
  try {
    return read();
  } catch (error) {
    return new NornError(code, `The record does not parse (${messageOf(error)})`, { cause: error });
  }
}

function refused(code: string, message: string): DeadLetter {
  return deadLetter(code, new NornError(code, message));
}
