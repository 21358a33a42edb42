// The flow of enrichment: a host's batch in, the same batch with what is known of its containers and users out.
import type { BusRecord } from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import type { Directories } from './ports/directories.ts';
import { createAppendEnrichment } from './steps/append-enrichment.step.ts';
import { createOpenBatch } from './steps/open-batch.step.ts';

export function createEnrichmentPipeline(directories: Directories): Pipeline<BusRecord, Uint8Array> {
  return pipeline<BusRecord>('enrichment')
    .pipe(each(createOpenBatch()))
    .pipe(each(createAppendEnrichment(directories)));
}
