// What goes through the pipeline: one batch of one host, before and after its envelope was read.
import type { BatchEnvelope } from '@norn/contracts';

export interface HostBatch {
  readonly tenantId: string;
  readonly hostId: string;
  /** EventBatch, serialised. */
  readonly batch: Uint8Array;
}

export interface CheckedBatch extends HostBatch {
  readonly envelope: BatchEnvelope;
}
