// A refused record is listed, shown, sent again once the cause is gone, and given up: on a real broker.
import { setTimeout as sleep } from 'node:timers/promises';
import { type BusProducer, type BusRecord, DeadLetterBox, createConsumer, ensureTopics } from '@norn/bus';
import { type TestKafka, createStagesProducer, makeTestKeys, startKafka } from '@norn/testkit';

const keys = makeTestKeys();
let kafka: TestKafka;
let producer: BusProducer;
let box: DeadLetterBox;
const config = () => ({ ...keys, ...kafka.bus, kafkaPartitions: 2 });

beforeAll(async () => {
  kafka = await startKafka();
  await ensureTopics(config());
  producer = await createStagesProducer(config());
  box = new DeadLetterBox(config(), producer);
}, 60_000);

afterAll(async () => {
  await producer.close();
  await kafka.stop();
  keys.remove();
}, 60_000);

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(20);
}

/** A stage that reads alerts and hears what it is given. */
async function aStage(stage: string, heard: string[], fault: (text: string) => void) {
  return createConsumer(config(), {
    groupId: `norn.${stage}`,
    handlers: new Map([
      [
        'alerts' as const,
        ({ records }: { readonly records: readonly BusRecord[] }) => {
          const texts = records.map(({ value }) => Buffer.from(value).toString());
          texts.forEach(fault);
          heard.push(...texts);
          return Promise.resolve();
        },
      ],
    ]),
  });
}

describe('a dead letter', () => {
  const headers = { tenant: 't', host: 'h', traceparent: '' };

  it('goes back to the stage that refused it, once, and to nobody who had it', async () => {
    const [storage, remediation]: [string[], string[]] = [[], []];
    let isBroken = true;
    const stages = [
      await aStage('storage', storage, () => undefined),
      await aStage('remediation', remediation, (text) => {
        if (isBroken && text === 'b') throw new Error('not this one');
      }),
    ];
    await producer.send(
      'alerts',
      ['a', 'b', 'c'].map((text) => ({ key: 't:h', value: Buffer.from(text), headers })),
    );
    await until(() => storage.length === 3 && remediation.includes('c'));
    await until(async () => (await box.list()).length === 1);
    const [letter] = await box.list();
    expect(letter).toMatchObject({
      stage: 'remediation',
      topic: 'alerts',
      key: 't:h',
      offset: 1,
      attempts: 3,
      error: 'not this one',
      state: 'waiting',
    });
    const id = letter?.id ?? '';
    expect(Buffer.from((await box.find(id)).record.value).toString()).toBe('b');

    isBroken = false;
    expect(await box.replay(id, 'ada')).toBe(true);
    await until(() => remediation.includes('b'));
    expect(await box.replay(id, 'ada')).toBe(false);
    expect(await box.drop(id, 'ada')).toBe(false);
    expect(await box.list()).toMatchObject([{ id, state: 'replayed', by: 'ada' }]);
    await producer.send('alerts', [{ key: 't:h', value: Buffer.from('d'), headers }]);
    await until(() => storage.includes('d') && remediation.includes('d'));
    expect([...storage].sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(remediation.filter((text) => text === 'b')).toEqual(['b']);
    for (const stage of stages) await stage.close();
  }, 90_000);

  it('is dropped once; what ingest refused before it was on the bus can only be dropped', async () => {
    await producer.send('deadLetter', [
      {
        key: 't:h',
        value: Buffer.from('xx'),
        headers: { ...headers, stage: 'ingest', topic: '', offset: '', code: 'schema_unknown', reason: 'too new' },
      },
    ]);
    await until(async () => (await box.list()).some(({ stage }) => stage === 'ingest'));
    const id = (await box.list()).find(({ stage }) => stage === 'ingest')?.id ?? '';
    await expect(box.replay(id, 'ada')).rejects.toMatchObject({ code: 'dead_letter_not_replayable' });
    expect([await box.drop(id, 'bob'), await box.drop(id, 'bob')]).toEqual([true, false]);
    expect((await box.list()).find((each) => each.id === id)).toMatchObject({ state: 'dropped', by: 'bob' });
    expect(await box.list(Date.now() + 60_000)).toEqual([]);
    await expect(box.find('1-4711')).rejects.toMatchObject({ code: 'dead_letter_unknown' });
  }, 60_000);
});
