// Where the rows of a cut are in the table of events: what is asked before rows are stored that may be there.
import type { BatchStretch } from '@norn/store';
import type { OpenedBatch } from '../steps/open-batch.step.ts';

/** Of one batch at least. */
export function stretchOf(opened: readonly OpenedBatch[]): BatchStretch {
  const of = (value: (one: OpenedBatch) => string): string[] => [...new Set(opened.map(value))];
  const seqs = opened.map(({ batch }) => batch.batchSeq);
  const firstUs = opened.map(({ batch }) => batch.baseTimeUs);
  const lastUs = opened.map(({ batch }) => batch.baseTimeUs + highest(batch.columns.timeOffsetUs));
  return {
    tenantIds: of(({ owner }) => owner.tenantId),
    hostIds: of(({ owner }) => owner.hostId),
    streamIds: of(({ batch }) => batch.streamIdHex),
    batchSeqs: { first: Math.min(...seqs), last: Math.max(...seqs) },
    timeUs: { first: Math.min(...firstUs), last: Math.max(...lastUs) },
  };
}

function highest(offsets: Uint32Array): number {
  let found = 0;
  for (const offset of offsets) if (offset > found) found = offset;
  return found;
}
