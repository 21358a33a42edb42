// Consuming: whole batches of one partition, in order; committed after the handler's promise; survives the loss of the broker.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@norn/base';
import { Metric, count, createLogger } from '@norn/telemetry';
import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload } from 'kafkajs';
import { Commits } from './commits.ts';
import { type BusConfig, recordBatchBytesMax } from './config.ts';
import { consumerRetry } from './failure.ts';
import { type TopicName, topics } from './flow.ts';
import { createKafka } from './kafkajs.ts';
import { toRecords } from './messages.ts';
import type { RecordBatch } from './record.ts';
import { supervise } from './supervise.ts';

/** What a handler answers when it took the records but is not done with them: they are committed when `settled` is. */
export interface Deferred {
  readonly settled: Promise<void>;
}

/** The records are committed when the promise resolves, or later (`Deferred`); when it rejects they come again. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- most handlers have nothing to say
export type BatchHandler = (batch: RecordBatch) => Promise<void | Deferred>;

/** Called before the first batch of a partition that this consumer was given (again), or whose handler failed. */
export type PartitionPreparer = (topic: TopicName, partition: number, nextOffset: number) => Promise<void>;

export interface ConsumerOptions {
  /** Members of a group share the partitions: "norn.storage". */
  readonly groupId: string;
  readonly handlers: ReadonlyMap<TopicName, BatchHandler>;
  readonly prepare?: PartitionPreparer;
  /** A partition went to another member of the group. */
  readonly release?: (topic: TopicName, partition: number) => void;
  /** Bytes the broker gathers before it answers, if they come within `maxWaitMs`. */
  readonly minBytes?: number;
  readonly maxWaitMs?: number;
}

export interface BusConsumer {
  /** False while the group has no connection; it comes back by itself. */
  readonly connected: boolean;
  /** Records read but not handled yet, by `topic:partition`. */
  readonly lag: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** Bytes of records that a handler gets at once, about; one record at least. */
export const handlerBytesMax = 1024 * 1024;
/** A killed member is noticed after this long, ms: the least that the broker allows by default. */
const sessionTimeoutMs = 6_000;
const heartbeatMs = 1_500;
/** How long `close` waits for what handlers took; it comes again at the next start otherwise. */
const closeTimeoutMs = 5_000;

/** Starts reading from where the group left off, or from the beginning. A handler that throws gets the same records again. */
export async function createConsumer(config: BusConfig, options: ConsumerOptions): Promise<BusConsumer> {
  const consumer = new SupervisedConsumer(config, options);
  await consumer.start();
  return consumer;
}

/** Records that a handler took. */
interface Taken {
  readonly topic: TopicName;
  readonly partition: number;
  readonly first: number;
  readonly next: number;
}

class SupervisedConsumer implements BusConsumer {
  readonly lag = new Map<string, number>();
  connected = false;
  private readonly logger = createLogger('bus');
  private readonly stopped = new AbortController();
  private readonly prepared = new Map<string, number>();
  private readonly names: ReadonlyMap<string, TopicName>;
  private supervised: Promise<void> = Promise.resolve();
  private closing = false;
  private consumer: Consumer | undefined;
  private commits: Commits | undefined;
  private working: Promise<void> = Promise.resolve();

  constructor(
    private readonly config: BusConfig,
    private readonly options: ConsumerOptions,
  ) {
    this.names = new Map([...options.handlers.keys()].map((name) => [topics[name], name]));
  }

  /** Resolves when it runs for the first time. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      const supervision = {
        create: () => this.create(),
        begin: (consumer: Consumer) => this.begin(consumer),
        lost: (reason: string) => {
          this.lost(reason);
        },
        signal: this.stopped.signal,
      };
      this.supervised = supervise(supervision, resolve);
    });
  }

  async close(): Promise<void> {
    this.closing = true;
    await Promise.race([this.working, sleep(closeTimeoutMs, undefined, { ref: false })]);
    await this.commits?.flush();
    this.stopped.abort();
    await this.supervised;
  }

  private create(): Consumer {
    const { groupId } = this.options;
    const consumer = createKafka(this.config, groupId).consumer({
      groupId,
      allowAutoTopicCreation: false,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatMs,
      minBytes: this.options.minBytes ?? 400 * 1024,
      maxWaitTimeInMs: this.options.maxWaitMs ?? 50,
      maxBytesPerPartition: recordBatchBytesMax,
      maxBytes: 2 * recordBatchBytesMax,
      retry: consumerRetry,
    });
    this.consumer = consumer;
    this.commits = new Commits(consumer);
    consumer.on(consumer.events.GROUP_JOIN, (event) => {
      this.joined(event);
    });
    return consumer;
  }

  private async begin(consumer: Consumer): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topics: [...this.names.keys()], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: (payload) => this.work(payload),
    });
  }

  private lost(reason: string): void {
    this.connected = false;
    const group = this.options.groupId;
    count(Metric.BusConsumerRestarts, 1, { group });
    this.logger.warn({ code: 'consumer_restarts', group }, `Reading starts again: ${reason}`);
  }

  private joined({ payload }: ConsumerGroupJoinEvent): void {
    this.connected = true;
    this.commits?.forget();
    const assigned = new Set<string>();
    for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
      for (const partition of partitions) assigned.add(`${topic}:${partition}`);
    }
    for (const name of this.prepared.keys()) if (!assigned.has(name)) this.release(name);
    this.logger.info({ group: this.options.groupId, partitions: [...assigned] }, 'joined');
  }

  private release(name: string): void {
    this.prepared.delete(name);
    this.lag.delete(name);
    const at = name.lastIndexOf(':');
    const topic = this.names.get(name.slice(0, at));
    if (topic !== undefined) this.options.release?.(topic, Number(name.slice(at + 1)));
  }

  private async work(payload: EachBatchPayload): Promise<void> {
    const handling = this.handle(payload);
    this.waitFor(handling);
    const beat = setInterval(() => {
      // A heartbeat that fails shows up as an error of the next fetch.
      payload.heartbeat().catch(() => undefined);
    }, heartbeatMs);
    try {
      await handling;
    } finally {
      clearInterval(beat);
    }
    await payload.heartbeat();
  }

  private waitFor(work: Promise<void>): void {
    const settled = work.catch(() => undefined);
    this.working = Promise.all([this.working, settled]).then(() => undefined);
  }

  private async handle(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const topic = this.names.get(batch.topic);
    const handler = topic === undefined ? undefined : this.options.handlers.get(topic);
    if (topic === undefined || handler === undefined) return;
    const endOffset = Number(batch.highWatermark);
    for (const records of toRecords(topic, batch, handlerBytesMax)) {
      const [first] = records;
      const last = records.at(-1);
      if (first === undefined || last === undefined || this.isOver(payload)) return;
      try {
        await this.prepare(topic, batch.partition, first.offset);
        const deferred = await handler({ topic, partition: batch.partition, records, endOffset });
        this.taken(payload, last.offset + 1);
        this.commitWhen(deferred ?? undefined, {
          topic,
          partition: batch.partition,
          first: first.offset,
          next: last.offset + 1,
        });
      } catch (error) {
        this.failed(topic, batch.partition, error);
        throw error;
      }
      count(Metric.BusRecordsReceived, records.length, { topic, group: this.options.groupId });
    }
  }

  private isOver(payload: EachBatchPayload): boolean {
    return !payload.isRunning() || payload.isStale() || this.closing;
  }

  private async prepare(topic: TopicName, partition: number, nextOffset: number): Promise<void> {
    const name = `${topics[topic]}:${partition}`;
    const expected = this.prepared.get(name);
    if (expected === undefined) await this.options.prepare?.(topic, partition, nextOffset);
    else if (expected < nextOffset && topic !== 'facts') this.missed(topic, nextOffset - expected);
    this.prepared.set(name, nextOffset);
  }

  private missed(topic: TopicName, records: number): void {
    const { groupId } = this.options;
    count(Metric.BusRecordsMissed, records, { group: groupId, topic });
    const cure = 'add partitions and members, or raise the retention of the topic';
    this.logger.error({ code: 'records_missed', group: groupId, topic, records }, `Retention was faster: ${cure}`);
  }

  private commitWhen(deferred: Deferred | undefined, { topic, partition, first, next }: Taken): void {
    const { commits, consumer } = this;
    if (deferred !== undefined) this.waitFor(deferred.settled);
    if (deferred === undefined) {
      commits?.done(topics[topic], partition, next);
      return;
    }
    deferred.settled.then(
      () => {
        // A consumer that was replaced has nothing to commit any more.
        if (this.commits === commits) commits?.done(topics[topic], partition, next);
      },
      (error: unknown) => {
        this.failed(topic, partition, error);
        if (!this.closing) consumer?.seek({ topic: topics[topic], partition, offset: String(first) });
      },
    );
  }

  private taken(payload: EachBatchPayload, nextOffset: number): void {
    const { batch } = payload;
    payload.resolveOffset(String(nextOffset - 1));
    this.prepared.set(`${batch.topic}:${batch.partition}`, nextOffset);
    this.lag.set(`${batch.topic}:${batch.partition}`, Math.max(0, Number(batch.highWatermark) - nextOffset));
  }

  private failed(topic: TopicName, partition: number, error: unknown): void {
    this.prepared.delete(`${topics[topic]}:${partition}`);
    count(Metric.BusHandlerFailures, 1, { topic, group: this.options.groupId });
    this.logger.error({ code: 'handler_failed', topic, partition, err: error }, messageOf(error));
  }
}
