// Reads back what tenants' correlations were told, as far as the longest of them reaches.
import { type StageBusConfig, type BusRecord, offsetAt, readRange } from '@norn/bus';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import type { OccurrenceHistory } from '../ports/occurrence-history.port.ts';

export class KafkaOccurrenceHistory implements OccurrenceHistory {
  /** `spanMs` is how long what is counted, and an alert, may take. */
  constructor(
    private readonly config: StageBusConfig,
    private readonly spanMs: () => number,
  ) {}

  async read(
    partition: number,
    nextOffset: number,
    take: (records: readonly BusRecord[]) => Promise<void>,
  ): Promise<void> {
    // Twice: what a correlation counts depends on what it told of last.
    const begins = { partition, timeMs: Date.now() - 2 * this.spanMs() };
    const first = Math.max(
      nextOffset - limits.occurrencesReadBackMax,
      await offsetAt(this.config, 'occurrences', begins),
    );
    if (first >= nextOffset) return;
    await readRange(this.config, 'occurrences', [{ partition, first, end: nextOffset }], async ({ records }) => {
      count(Metric.OccurrencesReplayed, records.length);
      await take(records);
    });
  }
}
