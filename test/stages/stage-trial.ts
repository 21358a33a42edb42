// The stages between raw and ClickHouse, each a process of its own that can be killed, on real parts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BusProducer,
  type BusRecord,
  type StageName,
  type TopicName,
  committedOffsets,
  ensureAccess,
  ensureTopics,
  offsetRanges,
  readRange,
  stageNames,
} from '@norn/bus';
import { type TenantReader, createReader } from '@norn/store';
import {
  type TestClickHouse,
  type TestKafka,
  createStagesProducer,
  makeTestKeys,
  startClickHouse,
  startKafka,
} from '@norn/testkit';
import { type StageListening, StageProcess } from '../remediation/stage-process.ts';

export type ReadingStage = Exclude<StageName, 'ingest'>;
/** In run order. Ingest is told of hosts, not of records. */
export const readingStages = stageNames.filter((name) => name !== 'ingest');

export interface StageTrial {
  readonly kafka: TestKafka;
  readonly clickhouse: TestClickHouse;
  readonly producer: BusProducer;
  /** With the keys that sign records. */
  readonly secretsDir: string;
  readonly reader: TenantReader;
  /** `more`: what it is told besides. */
  stage(name: ReadingStage, more?: Readonly<Record<string, string>>, listening?: StageListening): StageProcess;
  records(topic: TopicName): Promise<BusRecord[]>;
  /** Where each partition ends, and up to where a group has read it. */
  ends(topic: TopicName): Promise<ReadonlyMap<number, number>>;
  committed(topic: TopicName, groupId: string): Promise<ReadonlyMap<number, number>>;
  close(): Promise<void>;
}

export async function startStageTrial({ partitions = 2 } = {}): Promise<StageTrial> {
  const folder = mkdtempSync(join(tmpdir(), 'norn-stages-'));
  const [kafka, clickhouse] = await Promise.all([startKafka(), startClickHouse()]);
  const keys = makeTestKeys();
  const config = { ...kafka.bus, kafkaPartitions: partitions, secretsDir: keys.secretsDir };
  await ensureTopics(config);
  await ensureAccess(config);
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const environment = {
    NORN_SECRETS_DIR: keys.secretsDir,
    NORN_CLICKHOUSE_URL: clickhouse.url,
    NORN_CLICKHOUSE_WRITER_PASSWORD_FILE: file('writer', clickhouse.writerPassword),
    NORN_TREE_SNAPSHOT_MS: '400',
  };
  const reader = createReader(
    {
      clickhouseUrl: clickhouse.url,
      clickhouseDatabase: clickhouse.database,
      clickhouseReaderPasswordFile: file('reader', clickhouse.readerPassword),
    },
    'default',
  );
  const producer = await createStagesProducer(config);
  const stages: StageProcess[] = [];
  return {
    kafka,
    clickhouse,
    producer,
    secretsDir: keys.secretsDir,
    reader,
    stage: (name, more = {}, listening = {}) => {
      const stage = new StageProcess(name, { ...environment, ...kafka.environmentOf(name), ...more }, listening);
      stages.push(stage);
      return stage;
    },
    records: async (topic) => {
      const records: BusRecord[] = [];
      await readRange(config, topic, await offsetRanges(config, topic), (batch) => {
        records.push(...batch.records);
        return Promise.resolve();
      });
      return records;
    },
    ends: async (topic) => new Map((await offsetRanges(config, topic)).map(({ partition, end }) => [partition, end])),
    committed: (topic, groupId) => committedOffsets(config, topic, groupId),
    close: async () => {
      // A test that failed may have left some running.
      await Promise.all(stages.map((stage) => stage.kill()));
      await Promise.all([producer.close(), reader.close()]);
      await Promise.all([kafka.stop(), clickhouse.stop()]);
      keys.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks until the answer is good. */
export async function eventually<T>(ask: () => Promise<T>, isGood: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isGood(answer)) return answer;
    await sleep(100);
  }
}
