// A refused record is listed, shown, sent again once the cause is gone, and given up: on a real broker.
// @norn-strict
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BusProducer,
  type BusRecord,
  DeadLetterBox,
  DeadLetterDeeds,
  type Settled,
  createConsumer,
  deadLetterOf,
  ensureTopics,
  offsetRanges,
  readRange,
} from '@norn/bus';
import { type TestKafka, createStagesProducer, makeTestKeys, startKafka } from '@norn/testkit';

const keys = makeTestKeys();
let kafka: TestKafka;
let producer: BusProducer;
let box: DeadLetterBox;
let deeds: DeadLetterDeeds;
const config = () => ({ ...keys, ...kafka.bus, kafkaPartitions: 2 });

beforeAll(async () => {
  kafka = await startKafka();
  await ensureTopics(config());
  producer = await createStagesProducer(config());
  box = new DeadLetterBox(config());
  deeds = new DeadLetterDeeds(config(), producer);
});

afterAll(async () => {
  await producer.close();
  await kafka.stop();
  keys.remove();
});

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

/** What was done, and what was refused with its code; nothing of one that does not wait. */
async function act(what: 'replay' | 'drop', id: string, by: string): Promise<string[]> {
  const told: string[] = [];
  const tell = (settled: readonly Settled[]): Promise<void> => {
    told.push(...settled.map(({ letter, refused }) => [letter.id, refused?.code].join(' ').trim()));
    return Promise.resolve();
  };
  await deeds.settle([...(await box.named([id])).values()], { what, by, tell });
  return told;
}

const textOf = ({ value }: Pick<BusRecord, 'value'>): string => Buffer.from(value).toString();

async function recordsOf(topic: 'alerts' | 'findings', isWanted: (text: string) => boolean): Promise<BusRecord[]> {
  const found: BusRecord[] = [];
  await readRange(config(), topic, await offsetRanges(config(), topic), ({ records }) => {
    found.push(...records.filter((record) => isWanted(textOf(record))));
    return Promise.resolve();
  });
  return found;
}

const alertsOf = (isWanted: (text: string) => boolean): Promise<BusRecord[]> => recordsOf('alerts', isWanted);

const refusedByRemediation = (record: BusRecord) =>
  deadLetterOf(record, { stage: 'remediation', reason: 'r', error: new Error('r'), attempts: 1 });

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
    await until(async () => (await box.list()).total === 1);
    const [letter] = (await box.list()).letters;
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
    expect(await act('replay', id, 'ada')).toEqual([id]);
    await until(() => remediation.includes('b'));
    expect(await act('replay', id, 'ada')).toEqual([]);
    expect(await act('drop', id, 'ada')).toEqual([]);
    expect((await box.list()).letters).toMatchObject([{ id, state: 'replayed', by: 'ada' }]);
    await producer.send('alerts', [{ key: 't:h', value: Buffer.from('d'), headers }]);
    await until(() => storage.includes('d') && remediation.includes('d'));
    expect([...storage].sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(remediation.filter((text) => text === 'b')).toEqual(['b']);
    for (const stage of stages) await stage.close();
  });

  it('is dropped once; what ingest refused before it was on the bus can only be dropped', async () => {
    await producer.send('deadLetter', [
      {
        key: 't:h',
        value: Buffer.from('xx'),
        headers: { ...headers, stage: 'ingest', topic: '', offset: '', code: 'schema_unknown', reason: 'too new' },
      },
    ]);
    await until(async () => (await box.list()).letters.some(({ stage }) => stage === 'ingest'));
    const id = (await box.list()).letters.find(({ stage }) => stage === 'ingest')?.id ?? '';
    expect(await act('replay', id, 'ada')).toEqual([`${id} dead_letter_not_replayable`]);
    expect([await act('drop', id, 'bob'), await act('drop', id, 'bob')]).toEqual([[id], []]);
    expect((await box.list()).letters.find((each) => each.id === id)).toMatchObject({ state: 'dropped', by: 'bob' });
    expect(await box.list({ sinceMs: Date.now() + 60_000 })).toEqual({ letters: [], total: 0 });
    for (const none of ['1-4711', '9-0', 'x', '']) {
      await expect(box.find(none)).rejects.toMatchObject({ code: 'dead_letter_unknown' });
    }
  });

  it('is told of as many as there are, is found among them, and goes with all others in few requests', async () => {
    const count = 10_500;
    const sent = Array.from({ length: count }, (_, at) => ({
      ...{ key: `t:h${at % 7}`, headers },
      value: Buffer.from(`many ${at}`),
    }));
    await producer.send('alerts', sent);
    const written = await alertsOf((text) => text.startsWith('many'));
    await producer.send('deadLetter', written.map(refusedByRemediation));
    const choice = { stage: 'remediation', state: 'waiting' } as const;
    const { letters, total } = await box.list(choice);
    expect([letters.length, total]).toEqual([count, count]);
    expect(await box.list({ ...choice, max: 3 })).toEqual({ letters: letters.slice(0, 3), total: count });
    const [newest, oldest] = [letters[0], letters.at(-1)];
    const ids = [oldest?.id ?? '', newest?.id ?? ''];
    expect([...(await box.named(ids)).keys()].sort()).toEqual([...ids].sort());
    expect(await box.find(ids[0] ?? '')).toMatchObject({ id: ids[0], state: 'waiting' });

    const requests: string[] = [];
    const told: number[] = [];
    const counting = new DeadLetterDeeds(config(), {
      send: (topic, records) => {
        requests.push(topic);
        return producer.send(topic, records);
      },
    });
    const tell = (settled: readonly Settled[]): Promise<void> => {
      told.push(settled.filter(({ refused: why }) => why === undefined).length);
      return Promise.resolve();
    };
    await counting.settle(letters, { what: 'replay', by: 'ada', tell });
    expect(told.reduce((sum, each) => sum + each, 0)).toBe(count);
    expect(told.length).toBeGreaterThan(10);
    expect(requests.length).toBeLessThan(count / 50);
    expect(await box.list(choice)).toEqual({ letters: [], total: 0 });
    const heard = (await alertsOf((text) => text.startsWith('many'))).map(textOf);
    // As it was sent, and once more.
    expect(heard.sort()).toEqual([...sent, ...sent].map(textOf).sort());
  });

  it('that nobody signed, or who may not, is not sent again in the name of who may', async () => {
    await producer.send('alerts', [{ key: 't:h', value: Buffer.from('true'), headers }]);
    await producer.send('findings', [{ key: 't:h', value: Buffer.from('true'), headers }]);
    const [alert] = (await alertsOf((text) => text === 'true')) as [BusRecord];
    const [finding] = (await recordsOf('findings', (text) => text === 'true')) as [BusRecord];
    const { signature, ...unsigned } = alert;
    const made = [
      unsigned,
      { ...alert, value: Buffer.from('false') },
      { ...alert, key: 'other:h' },
      { ...alert, signature: finding.signature ?? '' },
      { ...alert, signature: 'x' },
    ];
    expect(signature).toMatch(/./);
    await producer.send('deadLetter', [...made, alert].map(refusedByRemediation));
    const { letters } = await box.list({ stage: 'remediation', state: 'waiting' });
    const ids = letters.map(({ id }) => id);
    expect(ids).toHaveLength(made.length + 1);
    const told = (await Promise.all(ids.map((id) => act('replay', id, 'ada')))).flat();
    expect(told.filter((each) => each.endsWith(' dead_letter_unproven'))).toHaveLength(made.length);
    expect(await alertsOf((text) => text === 'true' || text === 'false')).toHaveLength(2);
    const left = await box.list({ stage: 'remediation', state: 'waiting' });
    expect(left.total).toBe(made.length);
    for (const { id } of left.letters) expect(await act('drop', id, 'ada')).toEqual([id]);
  });
});
