// Producing: records of many callers merge into one request; per partition order is kept, because one request is in flight at a time.
import { NornError, messageOf } from '@norn/base';
import { Metric, count, createLogger, observe } from '@norn/telemetry';
import type { Message, Producer, TopicMessages } from 'kafkajs';
import { type Signer, readSignerKey } from '@norn/config';
import { type StageBusConfig, recordBytesMax } from '../config.ts';
import { backOff, isRetriable } from '../kafka/failure.ts';
import { type TopicName, topics, writers } from '../flow.ts';
import { createKafka } from '../kafka/kafka-client.ts';
import { Partitioners } from '../kafka/kafkajs.ts';
import { partitionOf } from '../kafka/partition.ts';
import type { OutRecord } from '../record.ts';
import { runRecordsMax, signRun, signatureHeader } from './signed-run.ts';
import { partitionCounts } from '../kafka/topics.ts';

export interface BusProducer {
  /**
   * Resolves when all in-sync replicas have the records. While the broker is away it waits; order within a key is kept,
   * a record may be there twice after a broker was lost. Throws `record_too_large`, `bus_full`, `bus_closed`, and `topic_foreign` for a topic
   * that this signer does not write to.
   */
  send(topic: TopicName, records: readonly OutRecord[]): Promise<void>;
  /** Sends what is waiting, then lets go. */
  close(): Promise<void>;
}

export interface ProducerOptions {
  /** Who signs what is sent. Absent: who writes dead letters alone. */
  readonly signer?: Signer;
  /** Shown in the broker's logs and metrics. */
  readonly clientId?: string;
  /** Longest wait for more records after the last request, ms. */
  readonly lingerMs?: number;
}

/** Bytes that make a request worth sending before the linger has passed; also the most that one partition gets in one request. */
const requestBytesMax = 1024 * 1024;
/** Few and small, and somebody waits for them: they do not linger. */
const urgentTopics: ReadonlySet<TopicName> = new Set(['commands', 'outcomes', 'alerts']);
/** Bytes that may wait; more is refused with `bus_full`. */
const pendingBytesMax = 64 * 1024 * 1024;

/** One call of `send`, settled when all its records are. */
interface Caller {
  remaining: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type OutMessage = Message & { readonly key: string; readonly value: Buffer };

interface Waiting {
  readonly message: OutMessage;
  readonly size: number;
  readonly caller: Caller;
}

/** The records waiting for one partition. */
interface Lane {
  readonly topic: TopicName;
  readonly partition: number;
  waiting: Waiting[];
}

type Shipment = readonly { readonly lane: Lane; readonly records: readonly Waiting[] }[];

/** Throws `topic_missing` when the topics are not there after 30 s, `secret_missing` and `signers_invalid` when the signer's key is not. */
export async function createProducer(config: StageBusConfig, options: ProducerOptions = {}): Promise<BusProducer> {
  const { signer } = options;
  const signing = signer === undefined ? undefined : { signer, ...readSignerKey(config.secretsDir, signer) };
  const clientId = options.clientId ?? 'norn';
  const kafka = createKafka(config, clientId);
  const counts = await partitionCounts(kafka);
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  return new MergingProducer(producer, { counts, signing, lingerMs: options.lingerMs ?? 20 });
}

/** Whose records they are, and with what they are signed. */
type Signing = { readonly signer: Signer } & ReturnType<typeof readSignerKey>;

interface MergingOptions {
  readonly counts: ReadonlyMap<TopicName, number>;
  readonly lingerMs: number;
  readonly signing: Signing | undefined;
}

class MergingProducer implements BusProducer {
  private readonly lanes = new Map<string, Lane>();
  private readonly logger = createLogger('bus');
  private readonly stopped = new AbortController();
  private readonly forget: () => void;
  private readonly counts: ReadonlyMap<TopicName, number>;
  private readonly lingerMs: number;
  private readonly signing: Signing | undefined;
  private pendingBytes = 0;
  private waitingBytes = 0;
  private lastRequestAt = 0;
  private timer: NodeJS.Timeout | undefined;
  private inFlight: Promise<void> | undefined;

  constructor(
    private readonly producer: Producer,
    { counts, lingerMs, signing }: MergingOptions,
  ) {
    this.counts = counts;
    this.lingerMs = lingerMs;
    this.signing = signing;
    this.forget = observe(Metric.BusPendingBytes, () => this.pendingBytes);
  }

  send(topic: TopicName, records: readonly OutRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    const refusal = this.refusalOf(topic, records);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const caller: Caller = { remaining: records.length, resolve, reject };
      for (const record of records) this.enqueue(topic, record, caller);
      this.pump();
    });
  }

  async close(): Promise<void> {
    const patience = setTimeout(() => {
      this.stopped.abort();
    }, 5_000);
    while (this.pendingBytes > 0 && !this.stopped.signal.aborted) {
      this.ship();
      await this.inFlight;
    }
    clearTimeout(patience);
    this.stopped.abort();
    this.forget();
    await this.producer.disconnect();
  }

  private refusalOf(topic: TopicName, records: readonly OutRecord[]): NornError | undefined {
    if (this.stopped.signal.aborted) return new NornError('bus_closed', 'The producer is closed: make a new one');
    const { signer } = this.signing ?? {};
    const allowed = writers[topic];
    if (allowed.length > 0 && (signer === undefined || !allowed.includes(signer))) {
      count(Metric.BusRecordsRefused, records.length, { topic, reason: 'topic_foreign' });
      const who = `${topic} is written by ${allowed.join(', ')}, not by ${signer ?? 'a producer without a signer'}`;
      return new NornError('topic_foreign', `${who}: name the right signer, or the topic's writers in the flow`);
    }
    let bytes = 0;
    for (const { key, value } of records) {
      if (value.byteLength > recordBytesMax) {
        count(Metric.BusRecordsRefused, records.length, { topic, reason: 'record_too_large' });
        const size = `A record of ${key} for ${topic} has ${value.byteLength} bytes`;
        return new NornError('record_too_large', `${size}, at most ${recordBytesMax} are taken: send smaller batches`);
      }
      bytes += value.byteLength;
    }
    if (this.pendingBytes + bytes <= pendingBytesMax) return undefined;
    count(Metric.BusRecordsRefused, records.length, { topic, reason: 'bus_full' });
    const full = `${this.pendingBytes} bytes already wait for the broker, at most ${pendingBytesMax} may`;
    return new NornError('bus_full', `${full}: wait for earlier sends before the next`);
  }

  private enqueue(topic: TopicName, record: OutRecord, caller: Caller): void {
    const partition = record.partition ?? partitionOf(record.key, this.counts.get(topic) ?? 1);
    const name = `${topic}:${partition}`;
    let lane = this.lanes.get(name);
    if (lane === undefined) {
      lane = { topic, partition, waiting: [] };
      this.lanes.set(name, lane);
    }
    const { key, headers } = record;
    const value = Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength);
    lane.waiting.push({ message: { key, value, headers, partition }, size: value.length, caller });
    this.pendingBytes += value.length;
    this.waitingBytes += value.length;
  }

  /** Sends at once when the last request is a linger ago, enough is waiting or it is urgent, else when that is so. */
  private pump(): void {
    if (this.inFlight !== undefined) return;
    const rest = this.lastRequestAt + this.lingerMs - performance.now();
    if (rest <= 0 || this.waitingBytes >= requestBytesMax || this.isUrgent()) this.ship();
    else
      this.timer ??= setTimeout(() => {
        this.ship();
      }, rest);
  }

  private ship(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.inFlight !== undefined) return;
    const shipment = this.take();
    if (shipment.length === 0) return;
    this.lastRequestAt = performance.now();
    this.inFlight = this.deliver(shipment).then(() => {
      this.inFlight = undefined;
      if (this.waitingBytes > 0 || this.hasWaiting()) this.pump();
    });
  }

  private isUrgent(): boolean {
    return [...this.lanes.values()].some(({ topic, waiting }) => waiting.length > 0 && urgentTopics.has(topic));
  }

  private hasWaiting(): boolean {
    return [...this.lanes.values()].some((lane) => lane.waiting.length > 0);
  }

  private take(): Shipment {
    const shipment: { lane: Lane; records: Waiting[] }[] = [];
    for (const lane of this.lanes.values()) {
      if (lane.waiting.length === 0) continue;
      let bytes = 0;
      let taken = 0;
      for (const { size } of lane.waiting) {
        if (taken > 0 && bytes + size > requestBytesMax) break;
        bytes += size;
        taken += 1;
      }
      const records = lane.waiting.slice(0, taken);
      lane.waiting = lane.waiting.slice(taken);
      this.waitingBytes -= bytes;
      shipment.push({ lane, records });
    }
    return shipment;
  }

  /** Never throws: the callers get what went wrong. */
  private async deliver(shipment: Shipment): Promise<void> {
    try {
      await this.request(shipment);
      settle(shipment, (caller) => {
        caller.remaining -= 1;
        if (caller.remaining === 0) caller.resolve();
      });
    } catch (error) {
      settle(shipment, (caller) => {
        caller.reject(error);
      });
    }
    for (const { records } of shipment) for (const { size } of records) this.pendingBytes -= size;
  }

  private async request(shipment: Shipment): Promise<void> {
    const topicMessages = messagesOf(shipment, this.signing);
    for (let attempt = 0; ; attempt++) {
      try {
        await this.producer.sendBatch({ acks: -1, topicMessages });
        countSent(shipment);
        return;
      } catch (error) {
        if (this.stopped.signal.aborted || !isRetriable(error)) throw error;
        if (attempt === 0)
          this.logger.warn({ code: 'broker_away' }, `Sending waits for the broker: ${messageOf(error)}`);
        count(Metric.BusSendRetries);
        await backOff(attempt, this.stopped.signal);
      }
    }
  }
}

function messagesOf(shipment: Shipment, signing: Signing | undefined): TopicMessages[] {
  const byTopic = new Map<TopicName, Message[]>();
  for (const { lane, records } of shipment) {
    const messages = byTopic.get(lane.topic) ?? [];
    const plain = records.map(({ message }) => message);
    const isSigned = signing !== undefined && writers[lane.topic].length > 0;
    messages.push(...(isSigned ? signed(lane.topic, plain, signing) : plain));
    byTopic.set(lane.topic, messages);
  }
  return [...byTopic].map(([topic, messages]) => ({ topic: topics[topic], messages }));
}

/** In runs: much that goes at once is signed at once. */
function signed(topic: TopicName, messages: readonly OutMessage[], signing: Signing): Message[] {
  const made: Message[] = [];
  for (let first = 0; first < messages.length; first += runRecordsMax) {
    const run = messages.slice(first, first + runRecordsMax);
    const signatures = signRun(topic, run, signing);
    run.forEach((message, at) => {
      made.push({ ...message, headers: { ...message.headers, [signatureHeader]: signatures[at] ?? '' } });
    });
  }
  return made;
}

function settle(shipment: Shipment, one: (caller: Caller) => void): void {
  for (const { records } of shipment) for (const { caller } of records) one(caller);
}

function countSent(shipment: Shipment): void {
  for (const { lane, records } of shipment) {
    const { topic } = lane;
    count(Metric.BusRecordsSent, records.length, { topic });
    count(
      Metric.BusBytesSent,
      records.reduce((bytes, { size }) => bytes + size, 0),
      { topic },
    );
  }
  count(Metric.BusSends);
}
