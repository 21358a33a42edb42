// A record on the bus, as it goes in and as it comes out.
import { NornError } from '@norn/base';
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

/** Whose a host's records are. */
export interface RecordOwner {
  readonly tenantId: string;
  readonly hostId: string;
}

/** What such a key says; undefined for any other key. */
export function findOwner(key: string): RecordOwner | undefined {
  const colon = key.indexOf(':');
  return colon < 1 ? undefined : { tenantId: key.slice(0, colon), hostId: key.slice(colon + 1) };
}

/** The same. Throws `key_malformed`. */
export function ownerOf(key: string): RecordOwner {
  const owner = findOwner(key);
  if (owner === undefined) throw new NornError('key_malformed', `Key "${key.slice(0, 100)}" is not tenant:host`);
  return owner;
}
