// Takes the hosts of a partition over, and runs the flow over what Kafka hands out.
import {
  type BatchHandler,
  type BusRecord,
  type RecordBatch,
  createStageHandler,
  recallEach,
  recordKey,
} from '@norn/bus';
import type { DeadLetter, Pipeline } from '@norn/pipeline';
import type { AlertBook } from './alerts/alert-book.ts';
import type { Correlations } from './correlations/correlations.ts';
import { type DetectionEffects, sendDetected } from './detection.pipeline.ts';
import type { FindingRates } from './rates/finding-rates.ts';
import type { AlertHistory } from './ports/alert-history.port.ts';
import type { BatchHistory } from './ports/batch-history.port.ts';
import type { BatchAlerts } from './steps/envelope.ts';

export interface DetectorParts extends DetectionEffects {
  readonly pipeline: Pipeline<BusRecord, BatchAlerts, DeadLetter>;
  /** Over batches that are read back. */
  readonly recall: Pipeline<BusRecord, unknown, DeadLetter>;
  readonly book: AlertBook;
  readonly correlations: Correlations;
  readonly rates: FindingRates;
  readonly history: AlertHistory;
  readonly batches: BatchHistory;
  /** Which partition a host's records are in. */
  readonly partitionOf: (hostKey: string) => number;
}

export class Detector {
  private readonly detect: BatchHandler;

  constructor(private readonly parts: DetectorParts) {
    this.detect = createStageHandler('detection', sendDetected(parts.pipeline, parts));
  }

  /** A partition was taken over, or a batch of it failed: its alerts, and what correlations and counts knew, are read back before the next batch. */
  async prepare(partition: number, nextOffset: number): Promise<void> {
    const { book, history, batches, recall, partitionOf } = this.parts;
    const isOfPartition = (hostKey: string): boolean => partitionOf(hostKey) === partition;
    this.release(partition);
    await batches.read(partition, nextOffset, (records) =>
      recallEach('detection', records, (record) => recall.run([record])),
    );
    await history.read(partition, (alert) => {
      // What stands with a host but counts over all of them is not the host's to go on with.
      if (alert.findings.some(({ hostIds }) => hostIds.length > 0)) return;
      if (isOfPartition(recordKey(alert.tenantId, alert.hostId))) book.load(alert);
    });
  }

  /** A partition went to somebody else. */
  release(partition: number): void {
    const { book, correlations, rates, partitionOf } = this.parts;
    for (const each of [book, correlations, rates]) each.forget((hostKey) => partitionOf(hostKey) === partition);
  }

  /** Resolves when all that came of the records is in Kafka. */
  async handle(batch: RecordBatch): Promise<void> {
    await this.detect(batch);
  }
}
