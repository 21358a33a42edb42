// The topics of the flow: making them, and asking the broker how they are.
import { NornError, messageOf } from '@norn/base';
import { createLogger } from '@norn/telemetry';
import type { Admin, ITopicConfig, Kafka } from 'kafkajs';
import { type BusConfig, type TopicConfig, recordBatchBytesMax } from '../config.ts';
import { backOff } from './failure.ts';
import { type TopicName, topics } from '../flow.ts';
import { createKafka } from './kafka-client.ts';
import { type Mark, parseMark } from './mark.ts';

const compacted: ReadonlySet<TopicName> = new Set(['facts', 'lineageState', 'policies']);
/** Batches: bulky, needed until every stage has read them. Retention is by partition. */
const bulky: ReadonlySet<TopicName> = new Set(['raw', 'enriched', 'lineage']);

/** Bytes of a partition that are kept of bulky topics, and of others. */
const bulkyRetentionBytes = 2 * 1024 ** 3;
const otherRetentionBytes = 512 * 1024 ** 2;
const retentionMs = 7 * 24 * 3600 * 1000;
/** How long one waits for a broker that starts or topics that are being made, ms. */
const topicsTimeoutMs = 30_000;
/** How long a person waits for a broker's answer, ms. */
const answerTimeoutMs = 3_000;

/** Makes the topics that are missing; leaves the others as they are. Safe to call from several processes. */
export async function ensureTopics(config: TopicConfig): Promise<void> {
  await withAdmin(createKafka(config, 'norn-topics'), async (admin) => {
    const present = new Set(await admin.listTopics());
    const missing = (Object.keys(topics) as TopicName[]).filter((name) => !present.has(topics[name]));
    if (missing.length === 0) return;
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((name) => topicConfig(name, config.kafkaPartitions)),
    });
  });
}

function topicConfig(name: TopicName, numPartitions: number): ITopicConfig {
  const entries: Record<string, string | number> = {
    'max.message.bytes': recordBatchBytesMax,
    'compression.type': 'producer',
  };
  if (compacted.has(name)) {
    Object.assign(entries, {
      'cleanup.policy': 'compact',
      'segment.bytes': 32 * 1024 ** 2,
      'segment.ms': 3600 * 1000,
      'min.cleanable.dirty.ratio': 0.2,
    });
  } else {
    Object.assign(entries, {
      'retention.ms': retentionMs,
      'retention.bytes': bulky.has(name) ? bulkyRetentionBytes : otherRetentionBytes,
      'segment.bytes': 128 * 1024 ** 2,
    });
  }
  return {
    topic: topics[name],
    numPartitions,
    replicationFactor: -1,
    configEntries: Object.entries(entries).map(([key, value]) => ({ name: key, value: String(value) })),
  };
}

/** Throws `broker_away` when no broker answers within a few seconds: for people, who would rather hear it than wait. */
export async function assertBrokerAnswers(config: BusConfig): Promise<void> {
  const admin = createKafka(config, 'norn-asks', { requestTimeout: answerTimeoutMs, retry: { retries: 0 } }).admin();
  try {
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [topics.deadLetter] });
  } catch (error) {
    if (error instanceof NornError) throw error;
    const cure = './norn status says what runs, ./norn up starts it';
    throw new NornError(
      'broker_away',
      `Kafka at ${config.kafkaBrokers} does not answer (${messageOf(error)}): ${cure}`,
      {
        cause: error,
      },
    );
  } finally {
    await admin.disconnect();
  }
}

/** How many partitions each topic has. Throws `topic_missing` when they are not there after 30 s. */
export function partitionCounts(kafka: Kafka): Promise<Map<TopicName, number>> {
  return withAdmin(kafka, async (admin) => {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: Object.values(topics) });
    const counts = new Map(found.map(({ name, partitions }) => [name, partitions.length]));
    return new Map(
      (Object.keys(topics) as TopicName[]).map((name) => [name, counts.get(topics[name]) ?? missing(topics[name])]),
    );
  });
}

function missing(topic: string): never {
  throw new NornError(
    'topic_missing',
    `Kafka has no topic ${topic}: start the installation or call ensureTopics first`,
  );
}

/** Where a partition's records begin, and the offset after its newest. */
export interface OffsetRange {
  readonly partition: number;
  readonly first: number;
  readonly end: number;
}

export function offsetRanges(config: BusConfig, topic: TopicName): Promise<OffsetRange[]> {
  return withAdmin(createKafka(config, 'norn-offsets'), async (admin) => {
    const ranges = await admin.fetchTopicOffsets(topics[topic]);
    return ranges.map(({ partition, low, high }) => ({ partition, first: Number(low), end: Number(high) }));
  });
}

/** Offset of the first record of a partition that was written at that time (Unix ms) or later; the end when there is none. */
export function offsetAt(
  config: BusConfig,
  topic: TopicName,
  { partition, timeMs }: { readonly partition: number; readonly timeMs: number },
): Promise<number> {
  return withAdmin(createKafka(config, 'norn-offsets'), async (admin) => {
    const offsets = await admin.fetchTopicOffsetsByTimestamp(topics[topic], timeMs);
    return Number(offsets.find((each) => each.partition === partition)?.offset ?? 0);
  });
}

/** Offset up to which a group has read each partition; absent for one that it has not read from. */
export function committedOffsets(config: BusConfig, topic: TopicName, groupId: string): Promise<Map<number, number>> {
  return withAdmin(createKafka(config, 'norn-offsets'), async (admin) => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topics[topic]] });
    const read = (found?.partitions ?? []).filter(({ offset }) => Number(offset) >= 0);
    return new Map(read.map(({ partition, offset }) => [partition, Number(offset)]));
  });
}

/** The committed offset of a partition, and the mark beside it. */
export interface CommittedMark extends Partial<Mark> {
  readonly offset: number;
  readonly metadata: string;
}

/** By `topic:partition`, as Kafka names topics; absent where the group has committed nothing. */
export function committedMarks(
  config: BusConfig,
  groupId: string,
  names: readonly TopicName[],
): Promise<Map<string, CommittedMark>> {
  return withAdmin(createKafka(config, 'norn-offsets'), async (admin) => {
    const found = await admin.fetchOffsets({ groupId, topics: names.map((name) => topics[name]) });
    const marks = new Map<string, CommittedMark>();
    for (const { topic, partitions } of found) {
      for (const { partition, offset, metadata } of partitions) {
        if (Number(offset) < 0) continue;
        const mark = { offset: Number(offset), metadata: metadata ?? '', ...parseMark(metadata ?? '') };
        marks.set(`${topic}:${partition}`, mark);
      }
    }
    return marks;
  });
}

/** Runs `ask` with an admin client, again while the broker or the topics are not there yet. */
export async function withAdmin<T>(kafka: Kafka, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const deadline = performance.now() + topicsTimeoutMs;
  for (let attempt = 0; ; attempt++) {
    const admin = kafka.admin();
    try {
      await admin.connect();
      return await ask(admin);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      if (attempt === 3) createLogger('bus').warn({ code: 'broker_away' }, `Waiting for Kafka: ${messageOf(error)}`);
      await backOff(attempt);
    } finally {
      await admin.disconnect();
    }
  }
}
