// What goes through the pipeline: one batch of one host, before and after its envelope was read.
import type { BatchEnvelope } from '@norn/contracts';

export interface HostBatch {
  readonly tenantId: string;
  readonly hostId: string;
  /** Of the message that it came in. */
  readonly seq: bigint;
  /** EventBatch, serialised. */
  readonly batch: Uint8Array;
  /** The host's connection, which is told what became of it. */
  readonly from: BatchSource;
}

export interface CheckedBatch extends HostBatch {
  readonly envelope: BatchEnvelope;
}

export interface ThrottleOrder {
  readonly pauseMs: number;
}

export interface BatchSource {
  /** It was not taken: the host waits, and sends it again. */
  throttle(seq: bigint, order: ThrottleOrder): void;
  /** It was refused: the host is told, a part of it is kept as a dead letter, and it is acked in its turn; or it waits, as above. */
  refuseBatch(refused: HostBatch, code: string, reason: string): void;
  /** It goes to Kafka, and is acked in its turn when Kafka has it. */
  produceBatch(checked: CheckedBatch): void;
}
