// What a part of a stage may be to the frame, besides what Nest's own hooks say.
import type { Claim, TopicName } from '@norn/bus';
import type { HealthReport } from './service.ts';

/** Told of each partition that its group was given, before its first batch, and again after a handler failed. */
export interface PartitionOwner {
  prepare(topic: TopicName, partition: number, nextOffset: number, claim: Claim): Promise<void>;
  /** Another member has it now. */
  release?(topic: TopicName, partition: number): void;
}

/** Runs while the stage does: begins when all groups have this member, and is stopped before they drain. */
export interface RunsBeside {
  start(): void | Promise<void>;
  stop?(): Promise<void>;
}

/** Has something to say at /healthz. */
export interface ReportsHealth {
  health(): HealthReport;
}
