// Opens a batch and names its owner from the record's key.
import { NornError } from '@norn/base';
import { type BusRecord, isReplayed, ownerOf } from '@norn/bus';
import { type BatchView, openBatch as open } from '@norn/contracts';
import { type Outcome, opened } from '@norn/pipeline';
import type { RowOwner } from '@norn/store';

export interface OpenedBatch {
  readonly record: BusRecord;
  readonly owner: RowOwner;
  readonly batch: BatchView;
  /** It comes out of the dead letters, behind batches that were after it. */
  readonly isReplayed: boolean;
}

export function createOpenBatch(): (record: BusRecord) => Outcome<OpenedBatch> {
  return function openBatch(record) {
    return opened(() => {
      const batch = open(record.value);
      if (!isWhole(batch)) throw new NornError('batch_malformed', 'Columns or containers are missing');
      return { record, owner: ownerOf(record.key), batch, isReplayed: isReplayed(record) };
    }, 'malformed');
  };
}

/** Opens all that rows are made of, so that pushing them cannot fail half-way. */
function isWhole({ columns, eventCount, enrichment, lineage }: BatchView): boolean {
  const containers = enrichment?.containers.length ?? columns.containers.count;
  // The first entry's are read out of all.
  lineage?.ancestorUids(0);
  lineage?.ancestorPaths(0);
  lineage?.parentCommandLine(0);
  return columns.kind.length === eventCount && containers === columns.containers.count;
}
