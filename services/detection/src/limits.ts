// The bounds of detection, each with its unit.
export const limits = {
  /** What a lineage does this much later than its stop, ms, is another attack, unless the same parent started it. */
  settleMs: 1_000,
  /** Findings kept in an alert. */
  findingsPerAlertMax: 100,
  /** An alert's `findings_total` stops here; what comes later is stored as findings only. */
  findingsCountedMax: 1_000,
  /** Alerts that may still grow, of one host. */
  alertsPerHostMax: 64,
  /** Hosts with such alerts, in one process. */
  hostsMax: 20_000,
  /** Records of the alerts topic read back when a partition is taken over. */
  historyRecordsMax: 5_000,
} as const;
