// Adds what is known of the batch's containers and users; the columns stay as they came.
import { appendField, batchFields } from '@norn/contracts';
import { enrichBatch } from '@norn/enrichers';
import { type Outcome, ok } from '@norn/pipeline';
import type { Directories } from '../ports/directories.ts';
import type { OpenedBatch } from './open-batch.step.ts';

export function createAppendEnrichment(directories: Directories): (opened: OpenedBatch) => Outcome<Uint8Array> {
  return function appendEnrichment({ hostKey, batch }) {
    const enrichment = enrichBatch(batch, directories.directoryOf(hostKey));
    return ok(appendField(batch.bytes, batchFields.enrichment, enrichment));
  };
}
