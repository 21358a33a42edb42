// Whose fault a failure is: something outside that is away or full, or the record in hand. The first is waited for, the second is counted.
import { NornError } from './error.ts';

/** A store or the broker is away, full or refuses everybody: who waits gets through. Thrown by adapters. */
export class AwayError extends NornError {}

/** System errors of a connection that is refused, cut or not found, and of a machine without room. */
const awayCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOSPC',
  'EMFILE',
  'ENFILE',
]);

/** SQLSTATE classes of PostgreSQL that say nothing of the record: connection, transaction, resources, operator, system, schema. */
const awayStates = /^(08|25|40|42|53|55|57|58|XX)/;

/** What PostgreSQL's client says without a code. */
const awayWords =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

/** Of kafkajs, what a repetition does not change. */
const refusedRecords: ReadonlySet<unknown> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD']);

/** Causes that are looked at. */
const causesMax = 8;

/** True when waiting may help: the record in hand is not to blame. */
export function isAway(error: unknown): boolean {
  let cause: unknown = error;
  for (let depth = 0; depth < causesMax && cause instanceof Error; depth++) {
    if (cause instanceof AwayError || isAwayCode(cause)) return true;
    cause = cause.cause;
  }
  return false;
}

function isAwayCode(error: Error): boolean {
  const { code, type } = error as { readonly code?: unknown; readonly type?: unknown };
  if (error.name.startsWith('KafkaJS')) return !refusedRecords.has(type);
  if (typeof code !== 'string') return awayWords.test(error.message);
  return awayCodes.has(code) || (code.length === 5 && awayStates.test(code));
}
