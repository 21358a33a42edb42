// The records of one host on their way to Kafka, in order within each topic: what is small and urgent waits for no batch.
import { backOffMs, messageOf } from '@norn/base';
import type { TopicName } from '@norn/bus';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.ts';
import type { OutgoingRecord, ProduceRecords } from '../ports/produce-records.ts';
import type { InFlight } from './in-flight.ts';

export interface QueuedRecord {
  /** Of the message it came from; acked with its group. */
  readonly seq: bigint;
  /** Absent: nothing to produce, only to ack in its turn. */
  readonly output?: { readonly topic: TopicName; readonly record: OutgoingRecord };
  /** Told when it is in Kafka, or given up. */
  readonly settled?: () => void;
}

export interface RecordQueueOptions {
  readonly producer: ProduceRecords;
  readonly inFlight: readonly InFlight[];
  /** A send was refused; it is tried again. */
  readonly onFailed: () => void;
  /** Everything up to this seq is in Kafka. */
  readonly onProduced: (seq: bigint) => void;
  /** Kafka refused for `produceStalledMs`; nothing more will be produced. */
  readonly onStalled: (reason: string) => void;
}

/** Bytes that a record takes beside its value: key, headers, objects. */
const recordOverheadBytes = 256;

interface Entry extends QueuedRecord {
  isProduced: boolean;
}

/** The records of one topic: the next group leaves when the one before it is there. */
interface Lane {
  waiting: Entry[];
  producing: Promise<void> | undefined;
}

export class RecordQueue {
  /** Pushed and not acked yet, in order. */
  private entries: Entry[] = [];
  private readonly lanes = new Map<TopicName, Lane>();
  private closed = false;
  private wakeRoom: (() => void) | undefined;

  constructor(private readonly options: RecordQueueOptions) {}

  push(queued: QueuedRecord): void {
    const entry: Entry = { ...queued, isProduced: queued.output === undefined };
    this.entries.push(entry);
    for (const inFlight of this.options.inFlight) inFlight.take(bytesOf(queued));
    if (queued.output === undefined) this.settle();
    else this.enqueue(queued.output.topic, entry);
  }

  /** Resolves when another message may be taken. */
  async room(): Promise<void> {
    for (const inFlight of this.options.inFlight) await inFlight.room();
    while (this.entries.length >= limits.streamInFlightRecordsMax && !this.closed) {
      await new Promise<void>((resolve) => (this.wakeRoom = resolve));
    }
  }

  /** Resolves when everything pushed is produced or given up. */
  async drained(): Promise<void> {
    for (const { producing } of this.lanes.values()) await producing;
  }

  /** Gives up what has not arrived yet; what is on its way may still arrive, and comes again from the host. */
  close(): void {
    this.closed = true;
    this.release(this.entries.splice(0));
  }

  private enqueue(topic: TopicName, entry: Entry): void {
    let lane = this.lanes.get(topic);
    if (lane === undefined) {
      lane = { waiting: [], producing: undefined };
      this.lanes.set(topic, lane);
    }
    lane.waiting.push(entry);
    lane.producing ??= this.produceAll(topic, lane);
  }

  private async produceAll(topic: TopicName, lane: Lane): Promise<void> {
    while (lane.waiting.length > 0 && !this.closed) {
      const group = lane.waiting;
      lane.waiting = [];
      if (!(await this.produce(topic, group))) break;
      for (const entry of group) entry.isProduced = true;
      this.settle();
    }
    lane.producing = undefined;
  }

  private async produce(topic: TopicName, group: readonly Entry[]): Promise<boolean> {
    const records = group.flatMap(({ output }) => output?.record ?? []);
    const deadline = performance.now() + limits.produceStalledMs;
    for (let failures = 0; !this.closed; failures += 1) {
      try {
        await this.options.producer.send(topic, records);
        return true;
      } catch (error) {
        this.options.onFailed();
        if (performance.now() >= deadline) {
          this.options.onStalled(messageOf(error));
          this.close();
          return false;
        }
        await sleep(backOffMs(failures, limits.produceWait));
      }
    }
    return false;
  }

  /** Acks what is produced with all before it. */
  private settle(): void {
    const open = this.entries.findIndex(({ isProduced }) => !isProduced);
    const done = this.entries.splice(0, open < 0 ? this.entries.length : open);
    const last = done.at(-1);
    if (last === undefined) return;
    this.release(done);
    this.options.onProduced(last.seq);
  }

  private release(group: readonly Entry[]): void {
    for (const queued of group) {
      for (const inFlight of this.options.inFlight) inFlight.give(bytesOf(queued));
      queued.settled?.();
    }
    this.wakeRoom?.();
  }
}

function bytesOf({ output }: QueuedRecord): number {
  return recordOverheadBytes + (output?.record.value.byteLength ?? 0);
}
