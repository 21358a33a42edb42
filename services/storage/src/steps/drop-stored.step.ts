// Lets only batches through that are not stored yet: after a crash between an insert and its commit they come again.
import { type Outcome, drop, ok } from '@norn/pipeline';
import type { Watermarks } from '../batches/watermarks.ts';
import type { OpenedBatch } from './open-batch.step.ts';

export function createDropStored(
  watermarks: Watermarks,
): (opened: readonly OpenedBatch[]) => Promise<Outcome<OpenedBatch, never>[]> {
  return async function dropStored(opened) {
    const outcomes: Outcome<OpenedBatch, never>[] = [];
    for (const one of opened) {
      const { record, owner, batch } = one;
      const position = { batchSeq: batch.batchSeq, timeUs: batch.baseTimeUs };
      const stream = { ...owner, streamIdHex: batch.streamIdHex };
      const isNew = one.isReplayed
        ? await watermarks.takeReplayed(stream, position)
        : await watermarks.take(record.partition, stream, position);
      outcomes.push(isNew ? ok(one) : drop('stored_already'));
    }
    return outcomes;
  };
}
