// Adds what is known of the batch's containers and users; the columns stay as they came.
import type { Following } from '@norn/bus';
import { appendField, batchFields } from '@norn/contracts';
import { enrichBatch } from '@norn/enrichers';
import { type Outcome, ok } from '@norn/pipeline';
import type { Directories } from '../ports/directories.ts';
import type { OpenedBatch } from './open-batch.step.ts';

export function createAppendEnrichment(directories: Directories): (opened: OpenedBatch) => Outcome<Following, never> {
  return function appendEnrichment({ record, batch }) {
    const enrichment = enrichBatch(batch, directories.directoryOf(record.key));
    return ok({ record, value: appendField(batch.bytes, batchFields.enrichment, enrichment) });
  };
}
