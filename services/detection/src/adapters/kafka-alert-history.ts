// Reads back the tail of detection's own alerts topic. The partition is the host's in every topic, so one partition has it all.
import { fromBinary } from '@bufbuild/protobuf';
import { type StageBusConfig, offsetRanges, readRange, recallEach } from '@norn/bus';
import { finding } from '@norn/contracts';
import { limits } from '../limits.ts';
import type { AlertHistory } from '../ports/alert-history.port.ts';

export class KafkaAlertHistory implements AlertHistory {
  constructor(private readonly config: StageBusConfig) {}

  async read(partition: number, take: (alert: finding.Alert) => void): Promise<void> {
    const range = (await offsetRanges(this.config, 'alerts')).find((each) => each.partition === partition);
    if (!range || range.first === range.end) return;
    const first = Math.max(range.first, range.end - limits.historyRecordsMax);
    await readRange(this.config, 'alerts', [{ partition, first, end: range.end }], ({ records }) =>
      recallEach('detection', records, ({ value }) => {
        take(fromBinary(finding.AlertSchema, value));
      }),
    );
  }
}
