// Reads back the lineage topic as far as the longest correlation reaches.
import { type StageBusConfig, type BusRecord, offsetAt, readRange } from '@norn/bus';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import type { BatchHistory } from '../ports/batch-history.port.ts';

export class KafkaBatchHistory implements BatchHistory {
  /** `spanMs` is how long a correlation may take. */
  constructor(
    private readonly config: StageBusConfig,
    private readonly spanMs: () => number,
  ) {}

  async read(
    partition: number,
    nextOffset: number,
    take: (records: readonly BusRecord[]) => Promise<void>,
  ): Promise<void> {
    const end = nextOffset;
    const first = Math.max(0, end - limits.replayRecordsMax, await this.spanBegins(partition, end));
    if (first >= end) return;
    await readRange(this.config, 'lineage', [{ partition, first, end }], async ({ records }) => {
      count(Metric.CorrelationsReplayed, records.length);
      await take(records);
    });
  }

  /** Twice the span: what a correlation counts depends on what it told of last. 0 when all that came since is unread. */
  private async spanBegins(partition: number, end: number): Promise<number> {
    const offset = await offsetAt(this.config, 'lineage', { partition, timeMs: Date.now() - 2 * this.spanMs() });
    return offset < end ? offset : 0;
  }
}
