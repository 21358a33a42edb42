// Where the alerts written so far can be read back from.
import type { finding } from '@norn/contracts';

export interface AlertHistory {
  /** The newest alerts of a partition, oldest first, at most `limits.historyRecordsMax` versions. */
  read(partition: number, take: (alert: finding.Alert) => void): Promise<void>;
}
