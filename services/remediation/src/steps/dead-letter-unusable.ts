// A step's record that can not be kept goes to the dead letters; any other failure comes again.
import { NornError } from '@norn/base';
import { type Outcome, deadLetter } from '@norn/pipeline';

export async function deadLetterUnusable<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NornError && error.code === 'record_unusable') return deadLetter(error.code, error);
    throw error;
  }
}
