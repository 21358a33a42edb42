// The flow of enrichment: a host's batch in, the same batch with what is known of its containers and users out.
import { type BusRecord, type Following, type Outputs, createProduce, following, toDeadLetters } from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import type { Directories } from './ports/directories.ts';
import { createAppendEnrichment } from './steps/append-enrichment.step.ts';
import { createOpenBatch } from './steps/open-batch.step.ts';

export function createEnrichmentPipeline(
  directories: Directories,
  outputs: Outputs<'enriched' | 'deadLetter'>,
): Pipeline<BusRecord, Following> {
  return pipeline<BusRecord>('enrichment')
    .pipe(each(createOpenBatch()))
    .deadLetter(toDeadLetters('enrichment', outputs))
    .pipe(each(createAppendEnrichment(directories)))
    .pipe(createProduce('enriched', outputs, following));
}
