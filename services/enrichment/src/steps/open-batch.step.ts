// The door: from here on a batch is known to be well-formed. What is not goes to the dead letters.
import { NornError } from '@norn/base';
import type { BusRecord } from '@norn/bus';
import { type BatchView, checkUnfolded, openBatch as open } from '@norn/contracts';
import { type Outcome, deadLetter, ok } from '@norn/pipeline';

export interface OpenedBatch {
  readonly record: BusRecord;
  readonly batch: BatchView;
}

export function createOpenBatch(): (record: BusRecord) => Outcome<OpenedBatch> {
  return function openBatch(record) {
    try {
      const batch = open(record.value);
      // Reading the columns is what proves them.
      checkUnfolded(batch.columns);
      return batch.columns.kind.length === batch.eventCount
        ? ok({ record, batch })
        : deadLetter('malformed', new NornError('batch_malformed', 'Rows and event_count differ'));
    } catch (error) {
      if (error instanceof NornError) return deadLetter('malformed', error);
      throw error;
    }
  };
}
