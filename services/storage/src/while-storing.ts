// The spans of what is being stored: they end when the rows are in ClickHouse, not when they wait to go there.
import { type BusRecord, type Deferred, RecordSpans } from '@norn/bus';

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
