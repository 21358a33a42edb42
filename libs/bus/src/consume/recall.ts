// Reading records back to make state of them again: one that can not be read was refused when it came, and must not stop the take-over of its partition.
import { isAway, messageOf } from '@norn/base';
import { Metric, count, createLogger } from '@norn/telemetry';
import type { BusRecord } from '../record.ts';

/** Runs one record after the other. Throws only what `isAway` says. */
export async function recallEach(
  stage: string,
  records: readonly BusRecord[],
  recall: (record: BusRecord) => unknown,
): Promise<void> {
  for (const record of records) {
    try {
      await recall(record);
    } catch (error) {
      if (isAway(error)) throw error;
      const { topic, partition, offset } = record;
      count(Metric.BusRecallsSkipped, 1, { stage, topic });
      createLogger(stage).warn({ code: 'recall_skipped', topic, partition, offset }, messageOf(error));
    }
  }
}
