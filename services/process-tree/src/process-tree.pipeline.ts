// The flow of process-tree: an enriched batch in, the same batch with the lineage of its processes out.
import { type BusRecord, type Following, type Outputs, createProduce, following, toDeadLetters } from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import type { Forests } from './ports/forests.ts';
import { createAppendLineage } from './steps/append-lineage.step.ts';
import { createOpenBatch } from './steps/open-batch.step.ts';

export function createProcessTreePipeline(
  forests: Forests,
  outputs: Outputs<'lineage' | 'deadLetter'>,
): Pipeline<BusRecord, Following> {
  return pipeline<BusRecord>('process-tree')
    .pipe(each(createOpenBatch()))
    .deadLetter(toDeadLetters('process-tree', outputs))
    .pipe(each(createAppendLineage(forests)))
    .pipe(createProduce('lineage', outputs, following));
}
