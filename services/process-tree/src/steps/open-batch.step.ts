// Opens what enrichment has checked; a record that is no batch all the same goes to the dead letters.
import { NornError } from '@norn/base';
import type { BusRecord } from '@norn/bus';
import { type BatchView, openBatch as open } from '@norn/contracts';
import { type Outcome, opened } from '@norn/pipeline';

export interface OpenedBatch {
  readonly record: BusRecord;
  readonly batch: BatchView;
}

export function createOpenBatch(): (record: BusRecord) => Outcome<OpenedBatch> {
  return function openBatch(record) {
    return opened(() => {
      const batch = open(record.value);
      // Opened here, so that a tree is never half changed by a batch that turns out malformed.
      const rows = batch.columns.kind.length;
      if (rows !== batch.eventCount) throw new NornError('batch_malformed', 'Rows and event_count differ');
      return { record, batch };
    }, 'malformed');
  };
}
