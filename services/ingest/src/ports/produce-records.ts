// Where ingest's records go. Resolves when every replica that must have them has them.
import type { TopicName } from '@norn/bus';

export interface OutgoingRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ProduceRecords {
  /** All of them, in this order, or a rejection; after a rejection some may be there, so the caller sends all again. */
  send(topic: TopicName, records: readonly OutgoingRecord[]): Promise<void>;
}
