// Where tenants' earlier records can be read back from.
import type { BusRecord } from '@norn/bus';

export interface OccurrenceHistory {
  /** Those before `nextOffset` that correlations still need, oldest first, at most `limits.occurrencesReadBackMax`. */
  read(partition: number, nextOffset: number, take: (records: readonly BusRecord[]) => Promise<void>): Promise<void>;
}
