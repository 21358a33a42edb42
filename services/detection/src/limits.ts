// The bounds of detection, each with its unit.
export const limits = {
  /** A finding's time, Unix µs: between 2000 and 2100. */
  timeUsMin: 946_684_800_000_000n,
  timeUsMax: 4_102_444_800_000_000n,
  /** The highest pid that Linux can give (PID_MAX_LIMIT). */
  pidMax: 4_194_304,
  /** What is kept of a finding: characters of a text, entries of a list. */
  finding: { textMax: 1_024, evidenceMax: 64, techniquesMax: 16, pidsMax: 1_024 },
  /** Findings of one batch's reflexes; four reflexes find a handful. */
  reflexFindingsPerBatchMax: 256,
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
