// A record that the database can not hold would come again for ever and stop everything behind it: it is told apart from a failure that passes.
import { NornError, messageOf } from '@norn/base';
import { QueryFailedError } from 'typeorm';

export const RECORD_UNUSABLE = 'record_unusable';

/** SQLSTATE classes that a repetition does not change: data exception, integrity violation. */
const lasting = /^(22|23)/;

/** Runs a transaction; throws `record_unusable` when the record itself is at fault. */
export async function refusingUnusable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof QueryFailedError) || !lasting.test(stateOf(error.driverError))) throw error;
    throw new NornError(RECORD_UNUSABLE, `The database can not hold it: ${messageOf(error)}`, { cause: error });
  }
}

function stateOf(error: unknown): string {
  const isCoded = typeof error === 'object' && error !== null && 'code' in error;
  return isCoded && typeof error.code === 'string' ? error.code : '';
}
