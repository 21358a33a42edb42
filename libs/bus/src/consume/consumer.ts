// Consuming: whole batches of one partition, in order; committed after the handler's promise; survives the loss of the broker.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError, messageOf } from '@norn/base';
import { Metric, count, createLogger } from '@norn/telemetry';
import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload } from 'kafkajs';
import { tryEach } from './attempts.ts';
import { Commits } from './commits.ts';
import { type StageBusConfig, recordBatchBytesMax } from '../config.ts';
import { DeadLetters, isReplayedForAnother } from '../produce/dead-letters.ts';
import { consumerRetry } from '../kafka/failure.ts';
import { type TopicName, stageOf, topics } from '../flow.ts';
import { type Claim, Holding } from './holding.ts';
import { createKafka } from '../kafka/kafka-client.ts';
import { toRecords } from './messages.ts';
import { ProvenRecords } from './proven-records.ts';
import type { BusRecord, RecordBatch } from '../record.ts';
import { supervise } from '../kafka/supervise.ts';
import { committedMarks } from '../kafka/topics.ts';

/** What a handler answers when it took the records but is not done with them: they are committed when `settled` is. */
export interface Deferred {
  readonly settled: Promise<void>;
}

/**
 * The records are committed when the promise resolves, or later (`Deferred`); when it rejects they come again, each by itself, and one that makes it reject
 * time after time goes to the dead letters. What `isAway` says is waited for.
 */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- most handlers have nothing to say
export type BatchHandler = (batch: RecordBatch) => Promise<void | Deferred>;

/** Called before the first batch of a partition that this consumer was given (again), or whose handler failed. */
export type PartitionPreparer = (
  topic: TopicName,
  partition: number,
  nextOffset: number,
  claim: Claim,
) => Promise<void>;

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

/**
 * Starts reading from where the group left off, or from the beginning. A handler that throws gets the same records again; one that no stage
 * signed which may write to the topic it never gets. Throws `secret_missing` and `signers_invalid` where the signers' keys are not to be had.
 */
export async function createConsumer(config: StageBusConfig, options: ConsumerOptions): Promise<BusConsumer> {
  const consumer = new SupervisedConsumer(config, options);
  await consumer.start();
  return consumer;
}

/** Records that kafkajs handed out, and whether it wants the member back. */
interface Work {
  readonly payload: EachBatchPayload;
  readonly topic: TopicName;
  readonly leaving: AbortSignal;
}

type Place = Pick<BusRecord, 'topic' | 'partition' | 'offset'>;

class SupervisedConsumer implements BusConsumer {
  readonly lag = new Map<string, number>();
  connected = false;
  private readonly logger = createLogger('bus');
  private readonly stopped = new AbortController();
  private readonly owner = randomUUID();
  private readonly commits = new Commits(this.owner);
  private readonly stage: string;
  private readonly deadLetters: DeadLetters;
  /** By `topic:partition`. */
  private readonly holdings = new Map<string, Holding>();
  private readonly names: ReadonlyMap<string, TopicName>;
  private readonly proven: ProvenRecords;
  private supervised: Promise<void> = Promise.resolve();
  private readonly member = Promise.withResolvers<undefined>();
  private closing = false;
  private consumer: Consumer | undefined;
  private working: Promise<void> = Promise.resolve();
  /** Whether what this member kept over a new generation of the group is still its own. */
  private verifying: Promise<void> = Promise.resolve();

  constructor(
    private readonly config: StageBusConfig,
    private readonly options: ConsumerOptions,
  ) {
    this.proven = new ProvenRecords(config);
    this.names = new Map([...options.handlers.keys()].map((name) => [topics[name], name]));
    this.stage = stageOf(options.groupId);
    this.deadLetters = new DeadLetters(config, this.stage);
  }

  /** Resolves when the group took it for the first time. */
  start(): Promise<void> {
    this.supervised = supervise({
      create: () => this.create(),
      begin: (consumer) => this.begin(consumer),
      lost: (reason) => {
        this.lost(reason);
      },
      signal: this.stopped.signal,
    });
    return this.member.promise;
  }

  async close(): Promise<void> {
    this.closing = true;
    await Promise.race([this.working, sleep(closeTimeoutMs, undefined, { ref: false })]);
    await this.commits.flush();
    this.stopped.abort();
    for (const holding of this.holdings.values()) holding.lose();
    await this.supervised;
    await this.deadLetters.close();
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
    this.commits.use(consumer);
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
    for (const holding of this.holdings.values()) holding.isSure = false;
    const group = this.options.groupId;
    count(Metric.BusConsumerRestarts, 1, { group });
    this.logger.warn({ code: 'consumer_restarts', group }, `Reading starts again: ${reason}`);
  }

  private joined({ payload }: ConsumerGroupJoinEvent): void {
    this.connected = true;
    this.member.resolve(undefined);
    this.commits.joined((payload as unknown as { readonly generationId: number }).generationId);
    const assigned = new Set<string>();
    for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
      for (const partition of partitions) assigned.add(`${topic}:${partition}`);
    }
    for (const [name, holding] of this.holdings) {
      if (assigned.has(name)) holding.isSure = false;
      else this.release(name, holding);
    }
    this.verifying = this.verify([...this.holdings]);
    this.logger.info({ group: this.options.groupId, partitions: [...assigned] }, 'joined');
  }

  /** What was kept may have been somebody else's in a generation that this member missed: then somebody else stands beside the offset. */
  private async verify(kept: readonly (readonly [string, Holding])[]): Promise<void> {
    if (kept.length === 0) return;
    const marks = await this.marks().catch((error: unknown) => {
      this.logger.warn({ code: 'marks_unread', group: this.options.groupId }, messageOf(error));
    });
    for (const [name, holding] of kept) {
      const mark = marks?.get(name);
      const isAsTaken = mark?.offset === holding.taken.offset && mark.metadata === holding.taken.metadata;
      if (mark === undefined || !(mark.owner === this.owner || isAsTaken)) {
        this.release(name, holding);
        continue;
      }
      holding.isSure = true;
      this.commits.done(holding);
    }
  }

  private marks() {
    return committedMarks(this.config, this.options.groupId, [...this.names.values()]);
  }

  private release(name: string, holding: Holding): void {
    holding.lose();
    if (this.holdings.get(name) === holding) this.holdings.delete(name);
    this.lag.delete(name);
    this.options.release?.(holding.topic, holding.partition);
  }

  private async work(payload: EachBatchPayload): Promise<void> {
    const topic = this.names.get(payload.batch.topic);
    if (topic === undefined) return;
    const regroups = new AbortController();
    const leaving = AbortSignal.any([regroups.signal, this.stopped.signal]);
    const handling = this.handle({ payload, topic, leaving });
    this.waitFor(handling);
    const beat = setInterval(() => {
      // The others wait for this member, or it was forgotten: the next fetch fails for the same reason.
      payload.heartbeat().catch((error: unknown) => {
        regroups.abort(error);
      });
    }, heartbeatMs);
    try {
      await handling;
    } catch (error) {
      // kafkajs joins again when it is told why, and reads on when it is told anything else.
      throw regroups.signal.aborted ? regroups.signal.reason : error;
    } finally {
      clearInterval(beat);
    }
    await payload.heartbeat();
  }

  private waitFor(work: Promise<void>): void {
    const settled = work.catch(() => undefined);
    this.working = Promise.all([this.working, settled]).then(() => undefined);
  }

  private async handle(work: Work): Promise<void> {
    const { payload, topic } = work;
    const { batch } = payload;
    for (const records of toRecords(topic, batch, handlerBytesMax)) {
      if (this.isOver(work)) return;
      await tryEach(records, {
        handle: (some) => this.give(work, some),
        failed: (error, some) => this.failed(work, error, some),
        refuse: (record, error, attempts) => this.refuse(work, record, { error, attempts }),
        isOver: () => this.isOver(work),
      });
      count(Metric.BusRecordsReceived, records.length, { topic, group: this.options.groupId });
    }
  }

  private isOver({ payload, leaving }: Work): boolean {
    return !payload.isRunning() || payload.isStale() || this.closing || leaving.aborted;
  }

  private async give(work: Work, records: readonly BusRecord[]): Promise<void> {
    const { payload, topic, leaving } = work;
    const { partition, highWatermark } = payload.batch;
    const [first] = records;
    const last = records.at(-1);
    const handler = this.options.handlers.get(topic);
    if (first === undefined || last === undefined || handler === undefined) return;
    const holding = await this.hold(topic, partition, first.offset);
    // After a new generation's start kafkajs begins at the commit: what was taken before is on its way.
    const isFresh = (one: BusRecord): boolean => one.offset >= holding.next && !isReplayedForAnother(one, this.stage);
    const fresh = this.proven.of(topic, records).filter(isFresh);
    const endOffset = Number(highWatermark);
    const toHandle = { topic, partition, records: fresh, endOffset, leaving };
    const deferred = fresh.length === 0 ? undefined : await handler(toHandle);
    if (last.offset >= holding.next) this.settle(holding, deferred ?? undefined, last.offset + 1);
    this.taken(payload, last.offset + 1);
  }

  /** The partition as this member has it; taken over when it does not have it yet. */
  private async hold(topic: TopicName, partition: number, nextOffset: number): Promise<Holding> {
    await this.verifying;
    const name = `${topics[topic]}:${partition}`;
    const held = this.holdings.get(name);
    if (held !== undefined) {
      if (held.next < nextOffset && topic !== 'facts') this.missed(topic, nextOffset - held.next);
      held.next = Math.max(held.next, nextOffset);
      return held;
    }
    const mark = (await this.marks()).get(name);
    const taken = { offset: mark?.offset ?? -1, metadata: mark?.metadata ?? '', plan: mark?.plan ?? '' };
    const holding = new Holding({ topic, partition, nextOffset, taken }, this.commits);
    this.holdings.set(name, holding);
    try {
      await this.options.prepare?.(topic, partition, nextOffset, holding);
    } catch (error) {
      // It says nothing of the record in hand.
      throw new AwayError('prepare_failed', `${name} can not be taken over yet: ${messageOf(error)}`, { cause: error });
    }
    return holding;
  }

  private missed(topic: TopicName, records: number): void {
    const { groupId } = this.options;
    count(Metric.BusRecordsMissed, records, { group: groupId, topic });
    const cure = 'add partitions and members, or raise the retention of the topic';
    this.logger.error({ code: 'records_missed', group: groupId, topic, records }, `Retention was faster: ${cure}`);
  }

  /** In the order in which they were taken: what comes later is not done before. */
  private settle(holding: Holding, deferred: Deferred | undefined, next: number): void {
    holding.next = next;
    if (deferred !== undefined) this.waitFor(deferred.settled);
    holding.tail = holding.tail.then(() => deferred?.settled);
    holding.tail.then(
      () => {
        holding.advance(next);
        this.commits.done(holding);
      },
      (error: unknown) => {
        this.unsettled(holding, error);
      },
    );
  }

  private unsettled(holding: Holding, error: unknown): void {
    // Lost, or told of already.
    if (holding.lost.aborted) return;
    const { topic, partition, done: offset } = holding;
    this.drop({ topic, partition, offset }, error);
  }

  private taken(payload: EachBatchPayload, nextOffset: number): void {
    const { batch } = payload;
    payload.resolveOffset(String(nextOffset - 1));
    this.lag.set(`${batch.topic}:${batch.partition}`, Math.max(0, Number(batch.highWatermark) - nextOffset));
  }

  /** What the handler took before is waited for; then it begins anew. */
  private async failed(work: Work, error: unknown, records: readonly BusRecord[]): Promise<void> {
    const { topic, payload, leaving } = work;
    const { partition } = payload.batch;
    const tail = this.holdings.get(`${topics[topic]}:${partition}`)?.tail.catch(() => undefined);
    await Promise.race([tail, untilAborted(leaving)]);
    if (this.isOver(work)) {
      this.forget(topic, partition);
      this.logger.info({ code: 'handler_left', topic, partition }, messageOf(error));
    } else this.drop({ topic, partition, offset: records[0]?.offset ?? -1 }, error);
  }

  private forget(topic: TopicName, partition: number): void {
    const name = `${topics[topic]}:${partition}`;
    const holding = this.holdings.get(name);
    if (holding === undefined) return;
    holding.lose();
    this.holdings.delete(name);
    // What was taken and is not done went with it: kafkajs would go on behind it.
    const isBehind = holding.done < holding.next && !this.closing;
    if (isBehind) this.consumer?.seek({ topic: topics[topic], partition, offset: String(holding.done) });
  }

  /** The offset is that of the first record in hand. */
  private drop({ topic, partition, offset }: Place, error: unknown): void {
    this.forget(topic, partition);
    const { stage } = this;
    count(Metric.BusHandlerFailures, 1, { topic, group: this.options.groupId });
    this.logger.error({ code: 'handler_failed', stage, topic, partition, offset, err: error }, messageOf(error));
  }

  private async refuse(
    { payload, topic }: Work,
    record: BusRecord,
    { error, attempts }: { readonly error: unknown; readonly attempts: number },
  ): Promise<void> {
    await this.deadLetters.refuse(record, error, attempts);
    const { partition, offset } = record;
    const place = { stage: this.stage, topic, partition, offset };
    this.logger.error({ code: 'dead_lettered', ...place, attempts, err: error }, messageOf(error));
    const holding = await this.hold(topic, partition, offset + 1);
    this.settle(holding, undefined, offset + 1);
    this.taken(payload, offset + 1);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    const end = (): void => {
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
  });
}
