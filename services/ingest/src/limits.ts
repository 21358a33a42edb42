// Every bound of ingest by name, with its unit. What a bound refuses is counted under a metric of its own or a reason.
const MiB = 1024 * 1024;

export const limits = {
  factsBytesMax: MiB,
  outcomeBytesMax: MiB,
  /** How much above `batchBytesMax` a message may be and still be answered with a code; beyond, the call ends. */
  messageSlackBytes: MiB,
  /** How much of a refused batch is kept for whoever looks into it. */
  deadLetterBytesMax: 64 * 1024,
  /** Refused messages of one host that are kept, a minute; of the rest there is the count. */
  deadLettersPerHost: { most: 60, everyMs: 60_000, subjectsMax: 20_000 },
  /** Taken from one host and not yet in Kafka. */
  streamInFlightBytesMax: 8 * MiB,
  streamInFlightRecordsMax: 2048,
  /** Taken from all hosts and not yet in Kafka; below what the bus lets wait. */
  totalInFlightBytesMax: 48 * MiB,
  /** Who does not read what was sent before is not told why its call ends. */
  lastWordMs: 5_000,
  connectionsMax: 20_000,
  /** An agent has one, and one more while it renews or comes back. */
  connectionsPerHostMax: 8,
  /** Connections of those who have not shown a certificate, at once. */
  strangersMax: 512,
  handshakeMs: 10_000,
  /** How long Kafka may refuse before the agent is told to spool and come back. */
  produceStalledMs: 30_000,
  produceWait: { firstMs: 100, mostMs: 5_000 },
  /** A host known good is looked up again after this; so a revocation takes at most twice this. */
  admissionCacheMs: 5_000,
  admissionCacheHostsMax: 20_000,
  /** Facts of one host go to PostgreSQL at most this often; Kafka has all of them. */
  factsSaveEveryMs: 2_000,
  /** Who came and went, and that this instance listens, goes to PostgreSQL this often. */
  presenceEveryMs: 1_000,
  /** Unsent commands of one connection. */
  downlinkQueueMax: 256,
  /** Same refusal of the same host is written to the audit trail at most this often. */
  auditEveryMs: 60_000,
  auditSubjectsMax: 10_000,
  /** Burst above the quota: this many milliseconds of it. */
  quotaBurstMs: 2_000,
  throttleMinMs: 50,
  throttleMaxMs: 5_000,
  tenantsMax: 10_000,
  enrolMessageBytesMax: 64 * 1024,
  enrolmentsAtOnceMax: 16,
  /** An enrolment takes less than a second. */
  enrolConnectionMs: 20_000,
  /** Certificates that one host is issued, an hour: one that renews needs one in days. */
  certificatesPerHost: { most: 30, everyMs: 3_600_000, subjectsMax: 20_000 },
  certificateTtlMs: 7 * 24 * 3_600_000,
  /** Of a certificate that ingest makes itself when the one it was given is two thirds through. */
  serverCertificateTtlMs: 90 * 24 * 3_600_000,
  /** Whether keys and certificates were changed is looked at this often. */
  keysEveryMs: 1_000,
  /** Each host is told of other keys this long after the one before: it asks for a certificate then, and all would at once. */
  keysToldEveryMs: 5,
  /** A certificate that expired at most this long ago still proves which host it was issued to, at enrolment only. */
  enrolAgainMs: 366 * 24 * 3_600_000,
} as const;

/** Schema of batches that this installation understands. */
export const batchSchemaVersion = 1;
