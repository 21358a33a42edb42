// The flows of storage: records in, rows out, which wait for their insert. What is refused is acked as a dead letter before anything is inserted.
import { type BusRecord, type Deferred, type Outputs, toDeadLetters } from '@norn/bus';
import { type DeadLetter, type Outcome, type Pipeline, each, pipeline } from '@norn/pipeline';
import type { Gatherer, RecordRows } from './records/gatherer.ts';
import type { PartitionStore } from './batches/partition-store.ts';
import type { RecordBlocks } from './records/record-blocks.ts';
import { createDropStored } from './steps/drop-stored.step.ts';
import { createInsertBatches, createInsertRows, createRepeatBatches } from './steps/insert-rows.step.ts';
import { createOpenBatch } from './steps/open-batch.step.ts';
import { createOpenFacts, openAlert, openFinding, openOutcome } from './steps/open-rows.step.ts';
import type { Watermarks } from './batches/watermarks.ts';

type DeadLetters = Outputs<'deadLetter'>;

/** Batches of one partition: those that are whole and not stored yet. */
export function createBatchPipeline(
  watermarks: Watermarks,
  store: PartitionStore,
  outputs: DeadLetters,
): Pipeline<BusRecord, Deferred> {
  return pipeline<BusRecord>('storage')
    .pipe(each(createOpenBatch()))
    .pipe(createDropStored(watermarks))
    .deadLetter(toDeadLetters('storage', outputs))
    .pipe(createInsertBatches(store));
}

/** What the owner before had planned: it was new then, and what is refused he has told of. */
export function createRepeatPipeline(store: PartitionStore): Pipeline<BusRecord, Deferred, DeadLetter> {
  return pipeline<BusRecord>('storage').pipe(each(createOpenBatch())).pipe(createRepeatBatches(store));
}

/** By topic. */
export function createRecordPipelines(
  gatherer: Gatherer<RecordBlocks>,
  outputs: DeadLetters,
): Readonly<Record<string, Pipeline<BusRecord, Deferred>>> {
  const inserting = (open: (record: BusRecord) => Outcome<RecordRows<RecordBlocks>>): Pipeline<BusRecord, Deferred> =>
    pipeline<BusRecord>('storage')
      .pipe(each(open))
      .deadLetter(toDeadLetters('storage', outputs))
      .pipe(createInsertRows(gatherer));
  return {
    findings: inserting(openFinding),
    alerts: inserting(openAlert),
    outcomes: inserting(openOutcome),
    facts: inserting(createOpenFacts()),
  };
}
