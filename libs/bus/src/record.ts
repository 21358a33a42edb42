// A record on the bus, as it goes in and as it comes out.
import type { OpenSpan } from '@norn/telemetry';
import type { TopicName } from './flow.ts';

export interface OutRecord {
  /** `tenant:host`. */
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** Where it goes; the key decides when absent. */
  readonly partition?: number;
}

export interface BusRecord extends OutRecord {
  readonly topic: TopicName;
  readonly partition: number;
  readonly offset: number;
  /** When the broker or its producer says it was written, Unix ms. */
  readonly timeMs?: number;
  /** Of the run that it was sent in (`signed-run.ts`); whoever sends it on signs it anew. */
  readonly signature?: string;
  /** Of its handling, while that lasts; absent when it is not sampled. */
  readonly span?: OpenSpan;
}

/** Consecutive records of one partition, in order. */
export interface RecordBatch {
  readonly topic: TopicName;
  readonly partition: number;
  readonly records: readonly BusRecord[];
  /** Offset after the newest record of the partition when this was read; how far behind one is. */
  readonly endOffset: number;
  /** Aborted when the group waits for this member: a handler that waits for something gives up, with the signal's reason. */
  readonly leaving?: AbortSignal;
}

/** Makes the key of a host's records. */
export function recordKey(tenantId: string, hostId: string): string {
  return `${tenantId}:${hostId}`;
}
