// The first step of every stage: a record is read, or is a dead letter.
import { NornError } from '@norn/base';
import { type DeadLetter, type Ok, deadLetter, ok } from './outcome.ts';

/** What `read` returns. A `NornError` says what is wrong with the record, `reason` what it counts as (usually its code); others are faults of ours. */
export function opened<T>(read: () => T, reason?: string): Ok<T> | DeadLetter {
  try {
    return ok(read());
  } catch (error) {
    if (error instanceof NornError) return deadLetter(reason ?? error.code, error);
    throw error;
  }
}
