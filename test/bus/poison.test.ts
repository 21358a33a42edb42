// A record that makes its handler throw, among two members of a group on a real broker: it is tried, refused and left; nobody else notices.
// @norn-strict
import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError } from '@norn/base';
import {
  type BatchHandler,
  type BusProducer,
  type BusRecord,
  committedMarks,
  createConsumer,
  ensureTopics,
  offsetRanges,
  readRange,
} from '@norn/bus';
import { type TestKafka, createStagesProducer, makeTestKeys, startKafka } from '@norn/testkit';

const keys = makeTestKeys();
let kafka: TestKafka;
let producer: BusProducer;
const config = () => ({ ...keys, ...kafka.bus, kafkaPartitions: 4 });

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

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

function numbered(partition: number, number: number) {
  return { key: `t:${partition}`, partition, headers: { traceparent: '' }, value: Buffer.from(String(number)) };
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(20);
}

/** What two members of a group were given, by partition, and how often each record was. */
class Group {
  readonly heard = new Map<number, number[]>();
  readonly tries = new Map<string, number>();
  readonly prepared: number[] = [];
  /** Throws for what is to fail. */
  fault: (record: BusRecord) => void = () => undefined;

  constructor(
    readonly groupId: string,
    private readonly topic: 'alerts' | 'findings' | 'outcomes',
  ) {}

  readonly handler: BatchHandler = ({ partition, records }) => {
    for (const record of records) {
      const name = `${partition}:${Buffer.from(record.value).toString()}`;
      this.tries.set(name, (this.tries.get(name) ?? 0) + 1);
      this.fault(record);
    }
    const heard = this.heard.get(partition) ?? [];
    this.heard.set(partition, [...heard, ...records.map(({ value }) => Number(Buffer.from(value).toString()))]);
    return Promise.resolve();
  };

  member() {
    return createConsumer(config(), {
      groupId: this.groupId,
      handlers: new Map([[this.topic, this.handler]]),
      prepare: (_, partition) => Promise.resolve(void this.prepared.push(partition)),
    });
  }

  /** Which generation each partition was committed in last. */
  async generations(): Promise<(number | undefined)[]> {
    return [...(await committedMarks(config(), this.groupId, [this.topic])).values()].map(
      ({ generation }) => generation,
    );
  }
}

async function deadLetters(groupId: string): Promise<BusRecord[]> {
  const letters: BusRecord[] = [];
  await readRange(config(), 'deadLetter', await offsetRanges(config(), 'deadLetter'), ({ records }) => {
    letters.push(...records.filter(({ headers }) => headers['stage'] === groupId));
    return Promise.resolve();
  });
  return letters;
}

describe('a record that makes its handler throw', () => {
  it('is refused after three times alone; its partition goes on and the group does not rebalance', async () => {
    const group = new Group('poisoned', 'alerts');
    const members = [await group.member(), await group.member()];
    const send = (from: number, to: number): Promise<unknown> =>
      Promise.all(
        upTo(to - from).map((n) =>
          producer.send(
            'alerts',
            upTo(4).map((partition) => numbered(partition, from + n)),
          ),
        ),
      );
    const allHeard = (count: number): boolean =>
      upTo(4).every((partition) => new Set(group.heard.get(partition)).size === count);
    await send(0, 20);
    await until(() => allHeard(20));
    await until(async () => (await group.generations()).length === 4 && new Set(await group.generations()).size === 1);
    const [before, prepared] = [await group.generations(), group.prepared.length];

    group.fault = ({ partition, value }) => {
      if (partition === 2 && Buffer.from(value).toString() === '30') throw new TypeError('It can not be read');
    };
    await send(20, 60);
    await until(() =>
      upTo(4).every((partition) => new Set(group.heard.get(partition)).size === (partition === 2 ? 59 : 60)),
    );
    // In order, but for what came again with the one that failed.
    expect([...new Set(group.heard.get(2))]).toEqual(upTo(60).filter((number) => number !== 30));
    expect(group.tries.get('2:30')).toBeGreaterThanOrEqual(3);
    expect(group.tries.get('2:30')).toBeLessThanOrEqual(4);
    const letters = await deadLetters('poisoned');
    expect(letters.map(({ key, value, headers }) => [key, Buffer.from(value).toString(), headers])).toEqual([
      [
        't:2',
        '30',
        {
          traceparent: '',
          reason: 'threw',
          code: 'unexpected',
          stage: 'poisoned',
          topic: 'alerts',
          partition: '2',
          offset: '30',
          attempts: '3',
          message: 'It can not be read',
          letter_signature: expect.stringMatching(/^[0-9a-f]+\./),
        },
      ],
    ]);
    await until(
      async () => (await committedMarks(config(), 'poisoned', ['alerts'])).get('norn.alerts.v1:2')?.offset === 60,
    );
    expect(await group.generations()).toEqual(before);
    // Only what threw was made ready again.
    expect(new Set(group.prepared.slice(prepared))).toEqual(new Set([2]));
    for (const member of members) await member.close();
  });

  it('is refused too when it is the last one, and does not come again', async () => {
    const group = new Group('last', 'outcomes');
    group.fault = () => {
      throw new Error('always');
    };
    let member = await group.member();
    await producer.send('outcomes', [numbered(1, 7)]);
    await until(async () => (await deadLetters('last')).length === 1);
    await member.close();
    const tries = group.tries.get('1:7');
    member = await group.member();
    group.fault = () => undefined;
    await producer.send('outcomes', [numbered(1, 8)]);
    await until(() => group.heard.get(1)?.includes(8) === true);
    expect(group.heard.get(1)).toEqual([8]);
    expect(group.tries.get('1:7')).toBe(tries);
    await member.close();
  });
});

describe('a store that is away', () => {
  it('is waited for, however often the handler throws, and nothing is refused', async () => {
    const group = new Group('away', 'findings');
    let failures = 7;
    group.fault = () => {
      if (failures-- > 0) throw new Error('wrapped', { cause: new AwayError('insert_failed', 'ClickHouse is away') });
    };
    const member = await group.member();
    await producer.send('findings', [numbered(0, 1), numbered(0, 2)]);
    await until(() => group.heard.get(0)?.length === 2);
    expect(group.heard.get(0)).toEqual([1, 2]);
    expect(await deadLetters('away')).toEqual([]);
    await member.close();
  });
});
