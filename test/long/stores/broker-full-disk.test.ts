// A broker that has no room: what it acknowledged is there when there is room again. No disk is filled here: a start that can not write finds a folder where
// its file should be. test/long/full-disk.test.ts fills real ones.
// @norn-strict
import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createKafka } from '@norn/bus';
import { startKafka, type TestKafka } from '@norn/testkit';

const topic = 'kept';
/** Larger than what Kafka leaves between two entries of an index, so that each has one. */
const values = ['a', 'b', 'c'].map((letter) => letter.repeat(5_000));
/** Of a batch in a segment (`DefaultRecordBatch` in Kafka's clients): offset of its first record, bytes behind this, how many offsets more. */
const place = { first: 0, length: 8, behind: 12, more: 23 };

describe('a broker that has no room', () => {
  const plenty = { bytesLeft: 9e9, bytesTotal: 10e9, filesLeft: 9e6, filesTotal: 10e6 };
  let room = plenty;
  let kafka: TestKafka;

  beforeAll(async () => {
    kafka = await startKafka({ readRoom: () => Promise.resolve(room) });
    const client = createKafka(kafka.bus, 'norn-full-disk');
    const [admin, producer] = [client.admin(), client.producer()];
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await admin.disconnect();
    await producer.connect();
    for (const value of values) await producer.send({ topic, acks: -1, messages: [{ value }] });
    await producer.disconnect();
  });
  afterAll(() => kafka.stop());

  const data = (...path: string[]): string => join(dirname(kafka.bus.kafkaAuthorityFile), 'kafka/data', ...path);
  const segment = (log: string): string => data(log, '00000000000000000000.log');

  it('any more is stopped in order, said to be so, and not started before there is', async () => {
    room = { ...plenty, bytesLeft: 100_000_000 };
    expect(await kafka.exited).toBe('disk_full (stopped, with 100 MB left of the 134 MB that it takes to run)');
    const files = readdirSync(data());
    // Without it the next start goes over every log.
    expect(files).toContain('.kafka_cleanshutdown');
    room = { ...plenty, bytesLeft: 150_000_000 };
    await expect(kafka.restart()).rejects.toMatchObject({
      code: 'disk_full',
      message: expect.stringMatching(
        /^The file system of .*kafka has 150 MB left of the 201 MB that it takes to start/,
      ),
    });
    expect(readdirSync(data())).toEqual(files);
    room = plenty;
    await kafka.restart();
    expect(await kept()).toEqual(values);
  });

  it.each(['__cluster_metadata-0', `${topic}-0`])(
    'while it starts leaves %s as it is, and the next start has everything',
    async (log) => {
      await kafka.kill();
      const before = batchesOf(segment(log));
      // Written at each start after a crash, once the segment was gone over.
      const snapshot = join(dirname(segment(log)), `${String(endOf(before)).padStart(20, '0')}.snapshot`);
      rmSync(snapshot, { force: true });
      mkdirSync(snapshot);
      await expect(kafka.restart()).rejects.toMatchObject({ code: 'part_not_started' });
      expect(batchesOf(segment(log)).slice(0, before.length)).toEqual(before);
      rmSync(snapshot, { recursive: true });
      await kafka.restart();
      expect(await kept()).toEqual(values);
    },
  );

  it('may have written what it refused: the same offset again costs nothing that stands before it', async () => {
    await kafka.kill();
    const last = batchesOf(segment(`${topic}-0`)).at(-1) ?? Buffer.alloc(0);
    appendFileSync(segment(`${topic}-0`), Buffer.concat([last, last]));
    await kafka.restart();
    expect(await kept()).toEqual(values);
  });

  async function kept(): Promise<string[]> {
    const client = createKafka(kafka.bus, 'norn-full-disk');
    const admin = client.admin();
    await admin.connect();
    const [partition] = await admin.fetchTopicOffsets(topic);
    await admin.disconnect();
    const consumer = client.consumer({ groupId: randomUUID() });
    const read: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      // Of an empty log nothing is ever handed on.
      if (partition?.high === '0') resolve();
      const eachMessage = ({ message }: { message: { value: Buffer | null; offset: string } }): Promise<void> => {
        read.push(String(message.value));
        if (Number(message.offset) === Number(partition?.high) - 1) resolve();
        return Promise.resolve();
      };
      consumer.run({ eachMessage }).catch(reject);
    });
    await consumer.disconnect();
    return read;
  }
});

function batchesOf(file: string): Buffer[] {
  const content = readFileSync(file);
  const batches: Buffer[] = [];
  for (let at = 0; at < content.length;) {
    const end = at + place.behind + content.readInt32BE(at + place.length);
    batches.push(content.subarray(at, end));
    at = end;
  }
  return batches;
}

/** The offset of what comes next. */
function endOf(batches: readonly Buffer[]): number {
  const last = batches.at(-1);
  return last === undefined ? 0 : Number(last.readBigInt64BE(place.first)) + last.readInt32BE(place.more) + 1;
}
