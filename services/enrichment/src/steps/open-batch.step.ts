// The door: from here on a batch is known to be well-formed. What is not goes to the dead letters.
import type { BusRecord } from '@norn/bus';
import { type BatchView, checkUnfolded, openBatch as open } from '@norn/contracts';
import { type Outcome, opened } from '@norn/pipeline';

export interface OpenedBatch {
  readonly record: BusRecord;
  readonly batch: BatchView;
}

export function createOpenBatch(): (record: BusRecord) => Outcome<OpenedBatch> {
  return function openBatch(record) {
    return opened(() => {
      const batch = open(record.value);
      // Reading the columns is what proves them.
      checkUnfolded(batch.columns);
      return { record, batch };
    }, 'malformed');
  };
}
