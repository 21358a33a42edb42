// Every bound of tyr by name, with its unit. What a bound refuses is counted in the agent's health or in the log.
const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** A message between baldur and tyr; local.proto says so. */
  frameBytesMax: 8 * MiB,
  /** Frames waiting for a baldur that does not read. */
  baldurQueueBytesMax: 4 * MiB,

  segmentBytesMax: 4 * MiB,
  /** Held in memory before the spool goes to disk; also what is kept when the disk is full. */
  spoolMemoryBytesMax: 4 * MiB,
  /** Un-acked for longer than this goes to disk. */
  spoolMemoryAgeMs: 1000,
  /** At most this long between writing and fdatasync. */
  spoolFlushEveryMs: 50,
  spoolCursorEveryMs: 1000,
  diskSaidEveryMs: 10_000,
  /** Losses of this long are told in one GAP event. */
  gapEveryMs: 1000,
  spoolReadBytes: 256 * KiB,

  /** Sent and not yet acked. */
  windowBytesMax: 4 * MiB,
  windowMessagesMax: 1024,
  /** Nothing acked for this long while something waits: the connection is given up. */
  ackTimeoutMs: 120_000,
  /** The last word of a run is waited for. */
  farewellMs: 2_000,
  reconnectWait: { firstMs: 250, mostMs: 10_000 },

  /** Addresses of ingest that an isolated host still reaches. */
  ingestPeersMax: 32,
  ingestLookupEveryMs: 30_000,

  /** An agent inside a container that is gone for this long is not being restarted. */
  insideGoneMs: 3_000,
  /** Told to stop, tyr waits at most this long for the application's end, and then at most the second for the word of it to leave. */
  insideEndWaitMs: 8_000,
  insideEndSendMs: 300,

  /** How often it is looked whether the socket is still at its name. */
  socketLookEveryMs: 1_000,
  baldurConnectMs: 15_000,
  baldurAdoptMs: 2_000,
  baldurSilenceMs: 3_000,
  /** An idle responder looks once a second; on a starved host a second more is no hang. */
  responderAgeMaxMs: 4_000,
  baldurRestartWait: { firstMs: 250, mostMs: 30_000 },
  /** After this long in good health the back-off begins anew. */
  baldurHealthyMs: 60_000,
  baldurStopMs: 5_000,
  baldurLogBytesMax: 8 * MiB,
  /** Resident memory and page cache of its writes; the kernel reclaims the cache first. */
  baldurMemoryBytesMax: 512 * MiB,

  seenCommandsMax: 100_000,
  /** Kept beyond a command's expiry, against clocks that were set back. */
  seenCommandKeptMs: 7 * 24 * 3_600_000,
  fencedAlertsMax: 10_000,

  containersMax: 4096,
  /** Labels of a pod that are told of, and characters of a name or value: Kubernetes has no longer ones. */
  podLabelsMax: 64,
  labelCharsMax: 317,
  tokenBytesMax: 16 * KiB,
  accountCharsMax: 253,
  /** An ended container is told of for this long. */
  containerEndedMs: 60_000,
  runtimeRetryMs: 5_000,
  runtimeAnswerBytesMax: 16 * MiB,
  runtimeEventBytesMax: MiB,
  runtimeTimeoutMs: 10_000,
  criPollMs: 2_000,
  /** A watch of the API server lasts for up to twice as long, so that not all agents list at once. */
  watchMs: 240_000,
  watchAgainMs: 1_000,
  /** Who was refused is not let in soon. */
  forbiddenRetryMs: 60_000,
  factsEveryMs: 15_000,
  factsDelayMs: 100,
  usersMax: 10_000,
  passwdBytesMax: 256 * KiB,
  userNameCharsMax: 64,
  /** Users that are told of one container, and of all. */
  containerUsersMax: 256,
  containersUsersMax: 10_000,
} as const;

export const agentVersion = '0.1.0';
