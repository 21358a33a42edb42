// The bus on a real broker: order, redelivery, and the loss of the broker.
// @norn-strict
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BatchHandler,
  type BusProducer,
  createConsumer,
  ensureTopics,
  followTopic,
  offsetAt,
  offsetRanges,
  partitionOf,
  readRange,
} from '@norn/bus';
import { type TestKafka, createStagesProducer, makeTestKeys, startKafka } from '@norn/testkit';

let kafka: TestKafka;
let producer: BusProducer;
const keys = makeTestKeys();
const config = () => ({ ...kafka.bus, kafkaPartitions: 2, secretsDir: keys.secretsDir });

beforeAll(async () => {
  kafka = await startKafka();
  await ensureTopics(config());
  producer = await createStagesProducer(config());
});

afterAll(async () => {
  await producer.close();
  await kafka.stop();
  keys.remove();
});

/** A record that says its number. */
function numbered(key: string, number: number) {
  return { key, headers: { number: String(number) }, value: Buffer.from(String(number)) };
}

/** What one key's records say, in the order they came. */
class Heard {
  readonly numbers = new Map<string, number[]>();

  readonly handler: BatchHandler = ({ records }) => {
    for (const { key, value } of records) {
      this.numbers.set(key, [...(this.numbers.get(key) ?? []), Number(Buffer.from(value).toString())]);
    }
    return Promise.resolve();
  };

  of(key: string): number[] {
    return this.numbers.get(key) ?? [];
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(20);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe('the bus', () => {
  it('puts keys where Kafka’s own producers put them', () => {
    // Values of Apache Kafka's own UtilsTest, made positive.
    expect(['21', 'foobar', 'a-little-bit-long-string'].map((key) => partitionOf(key, 2 ** 31))).toEqual([
      -973932308 & 0x7fffffff,
      -790332482 & 0x7fffffff,
      -985981536 & 0x7fffffff,
    ]);
  });

  it('keeps the order of each key, however many callers send at once', async () => {
    const heard = new Heard();
    const consumer = await createConsumer(config(), {
      groupId: 'order',
      handlers: new Map([['alerts', heard.handler]]),
    });
    const keys = ['t:a', 't:b', 't:c', 't:d'];
    await Promise.all(
      upTo(500).map((n) =>
        producer.send(
          'alerts',
          keys.map((key) => numbered(key, n)),
        ),
      ),
    );
    await until(() => keys.every((key) => heard.of(key).length === 500));
    for (const key of keys) expect(heard.of(key)).toEqual(upTo(500));
    await consumer.close();
  });

  it('refuses a record that is too large and sends the others', async () => {
    const large = { key: 't:large', headers: {}, value: new Uint8Array(7 * 1024 * 1024) };
    await expect(producer.send('findings', [large])).rejects.toMatchObject({ code: 'record_too_large' });
    await producer.send('findings', [numbered('t:small', 1)]);
  });

  it('brings a batch again when its handler failed, and goes on behind it', async () => {
    const seen: number[] = [];
    const prepared: number[] = [];
    let failures = 1;
    const handler: BatchHandler = ({ records }) => {
      seen.push(...records.map(({ value }) => Number(Buffer.from(value).toString())));
      return failures-- > 0 ? Promise.reject(new Error('once')) : Promise.resolve();
    };
    await producer.send(
      'outcomes',
      upTo(3).map((n) => numbered('t:x', n)),
    );
    const consumer = await createConsumer(config(), {
      groupId: 'again',
      handlers: new Map([['outcomes', handler]]),
      prepare: (_, __, nextOffset) => Promise.resolve(void prepared.push(nextOffset)),
    });
    await until(() => seen.length === 6);
    expect(seen).toEqual([0, 1, 2, 0, 1, 2]);
    // State that the failed batch may have touched is built again.
    expect(prepared).toEqual([0, 0]);
    await consumer.close();
  });

  it('goes on where its group was, and brings again what was taken but not settled', async () => {
    const first = new Heard();
    let consumer = await createConsumer(config(), {
      groupId: 'resume',
      handlers: new Map([['commands', first.handler]]),
    });
    await producer.send(
      'commands',
      upTo(5).map((n) => numbered('t:r', n)),
    );
    await until(() => first.of('t:r').length === 5);
    await consumer.close();

    const taken = new Heard();
    const unsettled: BatchHandler = async (batch) => {
      await taken.handler(batch);
      return { settled: Promise.reject(new Error('The sink lost it')) };
    };
    consumer = await createConsumer(config(), { groupId: 'resume', handlers: new Map([['commands', unsettled]]) });
    await producer.send('commands', [numbered('t:r', 5)]);
    await until(() => taken.of('t:r').length >= 2);
    expect(new Set(taken.of('t:r'))).toEqual(new Set([5]));
    await consumer.close();

    const last = new Heard();
    consumer = await createConsumer(config(), { groupId: 'resume', handlers: new Map([['commands', last.handler]]) });
    await until(() => last.of('t:r').length === 1);
    expect(last.of('t:r')).toEqual([5]);
    await consumer.close();
  });

  it('reads a topic to its end and follows it', async () => {
    const heard = new Heard();
    await producer.send(
      'facts',
      upTo(10).map((n) => numbered('t:f', n)),
    );
    const follower = await followTopic(config(), 'facts', heard.handler);
    expect(heard.of('t:f')).toEqual(upTo(10));
    await producer.send('facts', [numbered('t:f', 10)]);
    await until(() => heard.of('t:f').length === 11);
    await follower.close();

    const partition = partitionOf('t:f', 2);
    const part = new Heard();
    await readRange(config(), 'facts', [{ partition, first: 3, end: 7 }], part.handler);
    expect(part.of('t:f')).toEqual([3, 4, 5, 6]);
  });

  it('knows where in a topic a time begins', async () => {
    const partition = partitionOf('t:o', 2);
    await producer.send('outcomes', [numbered('t:o', 0)]);
    const end = (await offsetRanges(config(), 'outcomes')).find((range) => range.partition === partition)!.end;
    await sleep(20);
    const timeMs = Date.now();
    await producer.send('outcomes', [numbered('t:o', 1)]);
    expect(await offsetAt(config(), 'outcomes', { partition, timeMs })).toBe(end);
    expect(await offsetAt(config(), 'outcomes', { partition, timeMs: 0 })).toBe(0);
    expect(await offsetAt(config(), 'outcomes', { partition, timeMs: timeMs + 3_600_000 })).toBe(end + 1);
  });

  it('loses nothing acked and goes on by itself when the broker is killed and comes back', async () => {
    const heard = new Heard();
    const consumer = await createConsumer(config(), { groupId: 'loss', handlers: new Map([['raw', heard.handler]]) });
    let acked = 0;
    const over = new AbortController();
    const sending = (async () => {
      for (; !over.signal.aborted; acked++) await producer.send('raw', [numbered('t:k', acked)]);
    })();
    await until(() => acked > 20);
    await kafka.kill();
    await kafka.restart();
    const before = acked;
    await until(() => acked > before + 20);
    over.abort();
    await sending;
    await until(() => heard.of('t:k').at(-1) === acked - 1);
    // At least once, in order: a record may come twice, none may be missing or out of place.
    expect([...new Set(heard.of('t:k'))]).toEqual(upTo(acked));
    const ends = await offsetRanges(config(), 'raw');
    expect(ends.reduce((sum, { end }) => sum + end, 0)).toBeGreaterThanOrEqual(acked);
    await consumer.close();
  });
});
