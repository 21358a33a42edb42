// The flow of storage for batches: what is whole and not stored yet goes on to the gatherer, which makes inserts of it.
import type { BusRecord } from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import { createDropStored } from './steps/drop-stored.step.ts';
import { type OpenedBatch, createOpenBatch } from './steps/open-batch.step.ts';
import type { Watermarks } from './watermarks.ts';

export function createStoragePipeline(watermarks: Watermarks): Pipeline<BusRecord, OpenedBatch> {
  return pipeline<BusRecord>('storage').pipe(each(createOpenBatch())).pipe(createDropStored(watermarks));
}
