// What a handler throws: a store or the broker that is away is waited for. A record that makes it throw is tried a few times, alone, and then refused, so
// that what comes behind it goes on.
import { isAway } from '@norn/base';
import { backOff } from '../kafka/failure.ts';
import type { BusRecord } from '../record.ts';

/** Times that a record may make its handler throw. */
export const attemptsMax = 3;

export interface Trial {
  /** The records come again when it throws. */
  readonly handle: (records: readonly BusRecord[]) => Promise<void>;
  /** After each throw, with the records that it was given: what the handler has in hand is not to be trusted. */
  readonly failed: (error: unknown, records: readonly BusRecord[]) => Promise<void>;
  /** It made the handler throw that often. */
  readonly refuse: (record: BusRecord, error: unknown, attempts: number) => Promise<void>;
  /** The partition is somebody else's, or the consumer ends: nothing is tried any more. */
  readonly isOver: () => boolean;
}

/** Resolves when each record is handled or refused. Throws what the handler threw when it is over. */
export async function tryEach(records: readonly BusRecord[], trial: Trial): Promise<void> {
  const error = await attempt(records, trial);
  if (error === undefined) return;
  // One of them is to blame; that it is not known which counts against each.
  for (const record of records) await tryOne(record, trial, records.length === 1 ? error : undefined);
}

async function tryOne(record: BusRecord, trial: Trial, before: Thrown | undefined): Promise<void> {
  let thrown = before;
  for (let attempts = 1; ; attempts++) {
    if (attempts > 1) await pause(attempts - 2, trial, thrown);
    if (attempts > 1 || thrown === undefined) thrown = await attempt([record], trial);
    if (thrown === undefined) return;
    if (attempts < attemptsMax) continue;
    await trial.refuse(record, thrown.error, attempts);
    return;
  }
}

interface Thrown {
  readonly error: unknown;
}

/** What it threw for the records' sake; what is away is waited for. */
async function attempt(records: readonly BusRecord[], trial: Trial): Promise<Thrown | undefined> {
  for (let waits = 0; ; waits++) {
    try {
      await trial.handle(records);
      return undefined;
    } catch (error) {
      await trial.failed(error, records);
      if (trial.isOver()) throw error;
      if (!isAway(error)) return { error };
      await pause(waits, trial, { error });
    }
  }
}

async function pause(waits: number, { isOver }: Trial, thrown: Thrown | undefined): Promise<void> {
  await backOff(waits);
  if (isOver()) throw thrown?.error;
}
