// Where a host's earlier batches can be read back from.
import type { BusRecord } from '@norn/bus';

export interface BatchHistory {
  /** Those before `nextOffset` that correlations still need, oldest first, at most `limits.replayRecordsMax`. */
  read(partition: number, nextOffset: number, take: (records: readonly BusRecord[]) => Promise<void>): Promise<void>;
}
