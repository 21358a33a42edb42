// From kafkajs' messages to records, cut into pieces that a handler can take at once.
import type { Batch, KafkaMessage } from 'kafkajs';
import type { TopicName } from '../flow.ts';
import type { BusRecord } from '../record.ts';
import { signatureHeader } from '../produce/signed-run.ts';

/** Pieces of about `bytesMax`, one record at least. The values are views of what was received. */
export function* toRecords(topic: TopicName, batch: Batch, bytesMax: number): Generator<BusRecord[]> {
  let piece: BusRecord[] = [];
  let bytes = 0;
  for (const message of batch.messages) {
    piece.push(toRecord(topic, batch.partition, message));
    bytes += message.value?.length ?? 0;
    if (bytes < bytesMax) continue;
    yield piece;
    piece = [];
    bytes = 0;
  }
  if (piece.length > 0) yield piece;
}

export function toRecord(topic: TopicName, partition: number, message: KafkaMessage): BusRecord {
  const headers: Record<string, string> = {};
  let signature: string | undefined;
  for (const name in message.headers) {
    const value = message.headers[name];
    if (value === undefined) continue;
    const text = Array.isArray(value) ? value.join(',') : value.toString();
    if (name === signatureHeader) signature = text;
    else headers[name] = text;
  }
  return {
    topic,
    partition,
    offset: Number(message.offset),
    timeMs: Number(message.timestamp),
    key: message.key?.toString() ?? '',
    value: message.value ?? new Uint8Array(0),
    headers,
    ...(signature === undefined ? {} : { signature }),
  };
}
