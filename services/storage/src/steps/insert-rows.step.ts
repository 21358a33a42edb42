// The last step of storage: rows wait to be inserted. It gives back when there is room for them; they are stored when `settled` is.
import type { Deferred } from '@norn/bus';
import { type Outcome, type Step, ok } from '@norn/pipeline';
import type { Gatherer, RecordRows } from '../records/gatherer.ts';
import type { PartitionStore, Unit } from '../batches/partition-store.ts';
import type { RecordBlocks } from '../records/record-blocks.ts';
import type { OpenedBatch } from './open-batch.step.ts';

type Inserting<In> = Step<In, Deferred, never>;

export function createInsertBatches(store: Pick<PartitionStore, 'add'>): Inserting<OpenedBatch> {
  return async function insertBatches(opened, leaving) {
    return eachOf(opened, await store.add(opened.map(unitOf), leaving));
  };
}

/** Of what the owner before had planned. */
export function createRepeatBatches(store: Pick<PartitionStore, 'addRepeated'>): Inserting<OpenedBatch> {
  return function repeatBatches(opened) {
    return eachOf(opened, store.addRepeated(opened.map(unitOf)));
  };
}

export function createInsertRows(gatherer: Pick<Gatherer<RecordBlocks>, 'add'>): Inserting<RecordRows<RecordBlocks>> {
  return async function insertRows(rows) {
    return eachOf(rows, await gatherer.add(rows));
  };
}

function eachOf(stored: readonly unknown[], deferred: Deferred): Outcome<Deferred, never>[] {
  return stored.map(() => ok(deferred));
}

function unitOf(opened: OpenedBatch): Unit {
  return { record: opened.record, opened };
}
