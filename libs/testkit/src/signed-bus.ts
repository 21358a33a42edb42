// The bus as a test writes to it: in the name of each topic's own stage, with keys made for the test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BusConfig,
  type BusProducer,
  type BusRecord,
  type StageBusConfig,
  type TopicName,
  createKafka,
  createProducer,
  topics,
  writers,
} from '@norn/bus';
import { type Signer, makeSignerKeys } from '@norn/config';
import type { KafkaMessage } from 'kafkajs';

export interface TestKeys {
  readonly secretsDir: string;
  remove(): void;
}

/** Keys of all signers, in a folder of their own. */
export function makeTestKeys(): TestKeys {
  const secretsDir = mkdtempSync(join(tmpdir(), 'norn-test-keys-'));
  makeSignerKeys(secretsDir);
  return {
    secretsDir,
    remove: () => {
      rmSync(secretsDir, { recursive: true, force: true });
    },
  };
}

/** Sends each record as the stage that writes to its topic. */
export async function createStagesProducer(config: StageBusConfig): Promise<BusProducer> {
  const producers = new Map<Signer, BusProducer>();
  for (const signer of new Set(Object.values(writers).flat())) {
    producers.set(signer, await createProducer(config, { signer, clientId: 'norn-test' }));
  }
  const writerOf = (topic: TopicName): BusProducer => {
    const producer = producers.get(writers[topic][0] ?? 'ingest');
    if (producer === undefined) throw new Error(`Nobody writes to ${topic}`);
    return producer;
  };
  return {
    send: (topic, records) => writerOf(topic).send(topic, records),
    close: async () => {
      await Promise.all([...producers.values()].map((producer) => producer.close()));
    },
  };
}

/** A record as somebody writes it who has the broker's leave and is no stage: with whatever headers he likes. */
export type ForgedRecord = Pick<BusRecord, 'topic' | 'key' | 'value' | 'headers'>;

export async function forge(config: BusConfig, records: readonly ForgedRecord[]): Promise<void> {
  const producer = createKafka(config, 'stranger').producer();
  await producer.connect();
  for (const { topic, key, value, headers } of records) {
    await producer.send({ topic: topics[topic], messages: [{ key, value: Buffer.from(value), headers }] });
  }
  await producer.disconnect();
}

/** Everything on a topic as it is there, whoever wrote it, with the headers of its signature. */
export async function readAsStranger(config: BusConfig, topic: TopicName, atLeast: number): Promise<ForgedRecord[]> {
  const groupId = `stranger-${String(process.pid)}-${String(performance.now())}`;
  const consumer = createKafka(config, 'stranger').consumer({ groupId });
  const records: ForgedRecord[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topics[topic]], fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const eachMessage = ({ message }: { message: KafkaMessage }): Promise<void> => {
      const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)] as const);
      const { key, value } = message;
      records.push({ topic, key: String(key), value: value ?? new Uint8Array(), headers: Object.fromEntries(headers) });
      if (records.length >= atLeast) resolve();
      return Promise.resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return records;
}
