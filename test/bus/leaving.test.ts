// A member that must leave while its handler waits: what it had taken before and was not done with comes again, to whoever has the partition then.
// @norn-strict
import { setTimeout as sleep } from 'node:timers/promises';
import { type BatchHandler, type BusProducer, committedMarks, createConsumer, ensureTopics } from '@norn/bus';
import { type TestKafka, createStagesProducer, makeTestKeys, startKafka } from '@norn/testkit';

const keys = makeTestKeys();
let kafka: TestKafka;
let producer: BusProducer;
const config = () => ({ ...keys, ...kafka.bus, kafkaPartitions: 2 });

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

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(20);
}

/** Takes the first record and is never done with it; waits with the next until it must leave; from then on is done at once. */
function stuckHandler(done: string[]): { readonly handler: BatchHandler; readonly taken: string[] } {
  const taken: string[] = [];
  const free = new Set<number>();
  const handler: BatchHandler = async ({ partition, records, leaving }) => {
    const texts = records.map(({ value }) => `${partition}:${Buffer.from(value).toString()}`);
    taken.push(...texts);
    if (free.has(partition)) {
      done.push(...texts);
      return undefined;
    }
    if (texts.some((text) => text.endsWith('first'))) return { settled: new Promise<void>(() => undefined) };
    await until(() => leaving?.aborted === true);
    free.add(partition);
    throw leaving?.reason;
  };
  return { handler, taken };
}

it('brings again what a member had in hand when it had to leave', async () => {
  const done: string[] = [];
  const stuck = stuckHandler(done);
  const member = (handler: BatchHandler) =>
    createConsumer(config(), { groupId: 'leaving', handlers: new Map([['findings' as const, handler]]) });
  const one = await member(stuck.handler);
  const send = (text: string): Promise<void> =>
    producer.send(
      'findings',
      [0, 1].map((partition) => ({ key: 't:h', partition, headers: {}, value: Buffer.from(text) })),
    );
  await send('first');
  await until(() => stuck.taken.length === 2);
  await send('second');
  await until(() => stuck.taken.length === 4);
  const other = await member(({ partition, records }) => {
    done.push(...records.map(({ value }) => `${partition}:${Buffer.from(value).toString()}`));
    return Promise.resolve();
  });
  // One of the two partitions stays with the first member, the other goes.
  await until(async () => {
    const marks = await committedMarks(config(), 'leaving', ['findings']);
    return marks.size === 2 && [...marks.values()].every(({ offset }) => offset === 2);
  });
  expect([...new Set(done)].sort()).toEqual(['0:first', '0:second', '1:first', '1:second']);
  await Promise.all([one.close(), other.close()]);
});
