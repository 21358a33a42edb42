// A dead letter without its bytes, and its place in the topic, which is its name.
import { NornError } from '@norn/base';
import type { BusRecord } from '../record.ts';

export type DeadLetterState = 'waiting' | 'replayed' | 'dropped';

export interface DeadLetter {
  /** `partition-offset` in the topic of dead letters. */
  readonly id: string;
  /** Unix ms. */
  readonly at: number;
  readonly stage: string;
  /** Where it was refused; a batch that ingest refused has no topic. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** `tenant:host`. */
  readonly key: string;
  readonly code: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly bytes: number;
  readonly state: DeadLetterState;
  /** Who replayed or dropped it; empty while it waits. */
  readonly by: string;
}

export function letterOf(record: BusRecord): DeadLetter {
  const { headers, key, value } = record;
  return {
    id: idOf(record),
    at: record.timeMs ?? 0,
    stage: headers['stage'] ?? '',
    topic: headers['topic'] ?? '',
    partition: Number(headers['partition'] ?? -1),
    offset: Number(headers['offset'] === '' ? -1 : (headers['offset'] ?? -1)),
    key,
    code: headers['code'] ?? '',
    reason: headers['reason'] ?? '',
    error: headers['message'] ?? headers['reason'] ?? '',
    attempts: Number(headers['attempts'] ?? 1),
    bytes: value.byteLength,
    state: 'waiting',
    by: '',
  };
}

export function idOf({ partition, offset }: BusRecord): string {
  return `${partition}-${offset}`;
}

export function placeOf(id: string): { readonly partition: number; readonly offset: number } | undefined {
  const [, partition, offset] = /^(\d{1,9})-(\d{1,15})$/.exec(id) ?? [];
  return partition === undefined ? undefined : { partition: Number(partition), offset: Number(offset) };
}

/** Of the same time by their place, so that the order is the same at each reading: partitions are read side by side. */
export function newestFirst(one: DeadLetter, other: DeadLetter): number {
  if (one.at !== other.at) return other.at - one.at;
  const [a, b] = [placeOf(one.id), placeOf(other.id)];
  if (a === undefined || b === undefined) return 0;
  return a.partition - b.partition || b.offset - a.offset;
}

export function unknownLetter(id: string): NornError {
  return new NornError('dead_letter_unknown', `There is no dead letter ${id}: ./norn deadletters list shows them`);
}
