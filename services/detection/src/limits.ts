// The bounds of detection, each with its unit.
export const limits = {
  /** A finding's time, Unix µs: between 2000 and 2100. */
  timeUsMin: 946_684_800_000_000n,
  timeUsMax: 4_102_444_800_000_000n,
  /** The highest pid that Linux can give (PID_MAX_LIMIT). */
  pidMax: 4_194_304,
  /** What is kept of a finding: characters of a text, entries of a list. */
  finding: { textMax: 1_024, evidenceMax: 64, techniquesMax: 16, pidsMax: 1_024, hostsMax: 64 },
  /** What one rule costs at most, as a mean over all events; after how many it is reported; how many rules of one engine are written down, at most. */
  ruleCosts: { nsPerEventMax: 500, reportEvents: 100_000, rowsMax: 500 },
  /** Findings of one batch's reflexes; four reflexes find a handful. */
  reflexFindingsPerBatchMax: 256,
  /** Findings of a policy over one batch; an agent's batch has about 400 events. */
  policyFindingsPerBatchMax: 512,
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
  /** Hosts with events that correlations await, in one process; groups of one correlation, on one host. */
  correlations: { hostsMax: 20_000, groupsPerHostMax: 1_000 },
  /**
   * Correlations over all hosts of a tenant: records that a batch has for them; tenants in one process; of one tenant the groups of a
   * correlation, the events that wait for their time, the gaps, and the alerts that may still grow.
   */
  tenants: {
    recordsPerBatchMax: 256,
    tenantsMax: 1_000,
    groupsMax: 10_000,
    waitingMax: 50_000,
    gapsMax: 1_024,
    alertsMax: 256,
    /** An event that is so much later than its record was written has its host's clock to blame, ms. */
    clockAheadMs: 60_000,
  },
  /** Findings of one rule on one host in an hour of event time (µs) that join alerts; rules counted of a host; ids by which what is found over and over is known. */
  rates: { findingsPerHourMax: 1_000, hourUs: 3_600_000_000n, rulesPerHostMax: 256, recentMax: 64 },
  /** Characters of a command line that exceptions go by. */
  exceptedCommandLineMax: 1_024,
  /** A host whose clock is set back by more begins anew, ms. */
  clockStepMs: 60_000,
  /** Gaps remembered of a host, to be told of with what was found around them. */
  gapsPerHostMax: 64,
  /** Batches of a partition that are read back for correlations when it is taken over. */
  replayRecordsMax: 2_000,
  /** Records of one partition of tenants' occurrences that are read back when it is taken over. */
  occurrencesReadBackMax: 200_000,
  /**
   * Hosts that are missed: how often it is looked, ms; after how many seconds without a connection, and of a host that says that nothing protects it.
   * An agent that was ended by chance is back within two.
   */
  watch: { everyMs: 2_000, silentS: 12, unprotectedS: 15 },
  /** Records of the alerts topic read back when a partition is taken over. */
  historyRecordsMax: 5_000,
} as const;
