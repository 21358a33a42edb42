// What is being stored: its spans end, and it is done, when the rows are in ClickHouse, not when they wait to go there.
import { type BusRecord, type Deferred, RecordSpans } from '@norn/bus';
import type { PipelineResult } from '@norn/pipeline';

export async function whileStoring(records: readonly BusRecord[], take: () => Promise<Deferred>): Promise<Deferred> {
  const spans = RecordSpans.begin('storage', records);
  try {
    const taken = await take();
    taken.settled.then(
      () => {
        spans.end();
      },
      (error: unknown) => {
        spans.end(error);
      },
    );
    return taken;
  } catch (error) {
    spans.end(error);
    throw error;
  }
}

/** When all that a flow took is stored. */
export function settledOf({ ok }: PipelineResult<Deferred>): Deferred {
  const parts = new Set(ok.map(({ value }) => value.settled));
  const settled = Promise.all(parts).then(() => undefined);
  // Nobody may be waiting when it is given up.
  settled.catch(() => undefined);
  return { settled };
}
