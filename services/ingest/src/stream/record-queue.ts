// The records of one host on their way to Kafka, in order: the next group leaves when the one before it is there.
import { messageOf } from '@norn/base';
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

export class RecordQueue {
  private waiting: QueuedRecord[] = [];
  private producing: Promise<void> | undefined;
  private closed = false;
  private records = 0;
  private wakeRoom: (() => void) | undefined;

  constructor(private readonly options: RecordQueueOptions) {}

  push(queued: QueuedRecord): void {
    this.waiting.push(queued);
    this.records++;
    for (const inFlight of this.options.inFlight) inFlight.take(bytesOf(queued));
    this.producing ??= this.produceAll();
  }

  /** Resolves when another message may be taken. */
  async room(): Promise<void> {
    for (const inFlight of this.options.inFlight) await inFlight.room();
    while (this.records >= limits.streamInFlightRecordsMax && !this.closed) {
      await new Promise<void>((resolve) => (this.wakeRoom = resolve));
    }
  }

  /** Resolves when everything pushed is produced or given up. */
  async drained(): Promise<void> {
    await this.producing;
  }

  /** Gives up what has not left yet; what is on its way may still arrive, and comes again from the host. */
  close(): void {
    this.closed = true;
    this.release(this.waiting.splice(0));
  }

  private async produceAll(): Promise<void> {
    while (this.waiting.length > 0 && !this.closed) {
      const group = this.waiting;
      this.waiting = [];
      const produced = await this.produce(group);
      this.release(group);
      if (produced) this.options.onProduced(group.at(-1)?.seq ?? 0n);
    }
    this.producing = undefined;
  }

  private async produce(group: readonly QueuedRecord[]): Promise<boolean> {
    const byTopic = groupByTopic(group);
    const deadline = performance.now() + limits.produceStalledMs;
    let waitMs: number = limits.produceRetryFirstMs;
    while (byTopic.size > 0 && !this.closed) {
      try {
        await this.sendAll(byTopic);
      } catch (error) {
        this.options.onFailed();
        if (performance.now() >= deadline) {
          this.options.onStalled(messageOf(error));
          this.close();
          return false;
        }
        await sleep(waitMs);
        waitMs = Math.min(waitMs * 2, limits.produceRetryMaxMs);
      }
    }
    return byTopic.size === 0;
  }

  /** Takes out what was sent, so that a retry sends only the topics that failed. */
  private async sendAll(byTopic: Map<TopicName, OutgoingRecord[]>): Promise<void> {
    const sent = [...byTopic].map(async ([topic, records]) => {
      await this.options.producer.send(topic, records);
      byTopic.delete(topic);
    });
    const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  private release(group: readonly QueuedRecord[]): void {
    this.records -= group.length;
    for (const queued of group) {
      for (const inFlight of this.options.inFlight) inFlight.give(bytesOf(queued));
      queued.settled?.();
    }
    this.wakeRoom?.();
  }
}

function groupByTopic(group: readonly QueuedRecord[]): Map<TopicName, OutgoingRecord[]> {
  const byTopic = new Map<TopicName, OutgoingRecord[]>();
  for (const { output } of group) {
    if (output === undefined) continue;
    const records = byTopic.get(output.topic);
    if (records === undefined) byTopic.set(output.topic, [output.record]);
    else records.push(output.record);
  }
  return byTopic;
}

function bytesOf({ output }: QueuedRecord): number {
  return recordOverheadBytes + (output?.record.value.byteLength ?? 0);
}
