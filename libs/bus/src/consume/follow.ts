// Reading a topic outside of a group: all of it up to a point (state is rebuilt), and on from there (state is followed). Nothing is committed;
// what no stage signed which may write it is left out.
import { randomUUID } from 'node:crypto';
import { messageOf } from '@norn/base';
import { createLogger } from '@norn/telemetry';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { groupOf } from '../kafka/access.ts';
import { type StageBusConfig, recordBatchBytesMax } from '../config.ts';
import { type BatchHandler, handlerBytesMax } from './consumer.ts';
import { consumerRetry } from '../kafka/failure.ts';
import { type TopicName, topics } from '../flow.ts';
import { createKafka, identityOf } from '../kafka/kafka-client.ts';
import { toRecords } from './messages.ts';
import { ProvenRecords } from './proven-records.ts';
import { supervise } from '../kafka/supervise.ts';
import { type OffsetRange, offsetRanges } from '../kafka/topics.ts';

export interface Follower {
  close(): Promise<void>;
}

/** Reads `[first, end)` of some partitions, in order within each. What retention removed is not an error. */
export async function readRange(
  config: StageBusConfig,
  topic: TopicName,
  ranges: readonly OffsetRange[],
  handler: BatchHandler,
): Promise<void> {
  const present = new Map((await offsetRanges(config, topic)).map((range) => [range.partition, range]));
  const wanted = ranges
    .map(({ partition, first, end }) => {
      const there = present.get(partition) ?? { first: 0, end: 0 };
      return { partition, first: Math.max(first, there.first), end: Math.min(end, there.end) };
    })
    .filter(({ first, end }) => first < end);
  if (wanted.length === 0) return;
  const reader = new Reader(config, { topic, ranges: wanted, handler, goesOn: false });
  try {
    await reader.caughtUp;
  } finally {
    await reader.close();
  }
}

/** Reads all of a topic, then goes on. Resolves when everything that was there at the call has been handled. */
export async function followTopic(config: StageBusConfig, topic: TopicName, handler: BatchHandler): Promise<Follower> {
  const ranges = await offsetRanges(config, topic);
  const reader = new Reader(config, { topic, ranges, handler, goesOn: true });
  await reader.caughtUp;
  return reader;
}

interface ReaderOptions {
  readonly topic: TopicName;
  readonly ranges: readonly OffsetRange[];
  readonly handler: BatchHandler;
  /** After the ranges' ends. */
  readonly goesOn: boolean;
}

class Reader implements Follower {
  readonly caughtUp: Promise<void>;
  private readonly logger = createLogger('bus');
  private readonly stopped = new AbortController();
  /** Of the consumer that runs. */
  private groupId = '';
  /** Next offset of each partition. */
  private readonly positions: Map<number, number>;
  private readonly ends: Map<number, number>;
  private readonly supervised: Promise<void>;
  private resolve: () => void = () => undefined;

  private readonly topic: TopicName;
  private readonly handler: BatchHandler;
  private readonly goesOn: boolean;

  private readonly proven: ProvenRecords;

  constructor(
    private readonly config: StageBusConfig,
    { topic, ranges, handler, goesOn }: ReaderOptions,
  ) {
    this.proven = new ProvenRecords(config);
    this.topic = topic;
    this.handler = handler;
    this.goesOn = goesOn;
    this.positions = new Map(ranges.map(({ partition, first }) => [partition, first]));
    this.ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
    this.caughtUp = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.checkCaughtUp();
    const supervision = {
      create: () => this.create(),
      begin: (consumer: Consumer) => this.begin(consumer),
      lost: (reason: string) => {
        this.logger.debug({ code: 'reader_restarts', topic }, reason);
      },
      signal: this.stopped.signal,
    };
    this.supervised = supervise(supervision);
  }

  async close(): Promise<void> {
    this.stopped.abort();
    await this.supervised;
    const admin = createKafka(this.config, 'norn-reader').admin();
    try {
      await admin.connect();
      await admin.deleteGroups([this.groupId]);
    } catch (error) {
      // The broker forgets an empty group by itself.
      this.logger.debug({ code: 'group_left', group: this.groupId }, messageOf(error));
    } finally {
      await admin.disconnect();
    }
  }

  private create(): Consumer {
    // A group of its own for each consumer: in a shared one the broker waits 30 s for the member that crashed.
    this.groupId = `${groupOf(identityOf(this.config))}.reader.${randomUUID()}`;
    return createKafka(this.config, 'norn-reader').consumer({
      groupId: this.groupId,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: 50,
      maxBytesPerPartition: recordBatchBytesMax,
      retry: consumerRetry,
    });
  }

  private async begin(consumer: Consumer): Promise<void> {
    const topic = topics[this.topic];
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => this.work(payload) });
    for (const [partition, offset] of this.positions) consumer.seek({ topic, partition, offset: String(offset) });
  }

  private async work(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { partition } = batch;
    const position = this.positions.get(partition);
    const end = this.goesOn ? Infinity : (this.ends.get(partition) ?? 0);
    for (const piece of toRecords(this.topic, batch, handlerBytesMax)) {
      if (this.stopped.signal.aborted || payload.isStale()) return;
      const wanted = piece.filter(({ offset }) => position !== undefined && offset >= position && offset < end);
      const records = this.proven.of(this.topic, wanted);
      const last = piece.at(-1);
      if (records.length > 0) {
        await this.handler({ topic: this.topic, partition, records, endOffset: Number(batch.highWatermark) });
      }
      if (last === undefined) continue;
      payload.resolveOffset(String(last.offset));
      if (position !== undefined) this.positions.set(partition, last.offset + 1);
      this.checkCaughtUp();
      await payload.heartbeat();
    }
  }

  private checkCaughtUp(): void {
    for (const [partition, end] of this.ends) if ((this.positions.get(partition) ?? 0) < end) return;
    this.resolve();
  }
}
