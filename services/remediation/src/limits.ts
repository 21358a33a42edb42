// The bounds of remediation, each with its unit.
export const limits = {
  /** The outbox is looked at this often when no notice comes, ms. */
  outboxPollMs: 500,
  /** Entries that one round of the relay sends. */
  outboxRoundMax: 200,
  /** Deadlines are looked at this often, ms. */
  sweepMs: 500,
  /** What is new in the audit trail is sealed this often, ms. */
  sealMs: 1_000,
  /** Policies of hosts are compared with hosts and groups this often, ms. */
  policiesMs: 5_000,
  /** Commands that one sweep dispatches again or ends. */
  sweepMax: 200,
  /** Longest wait before a command is dispatched again, ms; doubles from one second. */
  retryMaxMs: 15_000,
  /** A host that took a command gets it again when it says nothing more for this long, ms. */
  deliveredRetryMs: 10_000,
  /** A command that runs is given up after this long without an outcome, ms. */
  runningMaxMs: 30 * 60_000,
  /** The inbox remembers for this long, ms: longer than Kafka keeps what could come again. */
  inboxKeepMs: 8 * 24 * 3_600_000,
} as const;
