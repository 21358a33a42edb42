// @norn-strict
// What was done with a dead letter is what whoever may do it has signed: a note that a stage writes hides no letter.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BusRecord,
  DeadLetterBox,
  DeadLetterDeeds,
  createProducer,
  deadLetterOf,
  ensureTopics,
  offsetRanges,
} from '@norn/bus';
import { signerKeyFile } from '@norn/config';
import {
  type ForgedRecord,
  type TestKafka,
  createStagesProducer,
  forge,
  makeTestKeys,
  readAsStranger,
  startKafka,
} from '@norn/testkit';

const keys = makeTestKeys();
let kafka: TestKafka;
let box: DeadLetterBox;
const config = () => ({ ...keys, ...kafka.bus, kafkaPartitions: 1 });

beforeAll(async () => {
  kafka = await startKafka();
  await ensureTopics(config());
  box = new DeadLetterBox(config());
});

afterAll(async () => {
  await kafka.stop();
  keys.remove();
});

/** As storage writes them, which signs nothing. Their ids, oldest first. */
async function refuse(...texts: string[]): Promise<string[]> {
  const storage = await createProducer(config());
  const refused = texts.map((text) => {
    const place = { topic: 'alerts', partition: 0, offset: 0, headers: {} } as const;
    const record: BusRecord = { ...place, key: 't:h', value: Buffer.from(text) };
    return deadLetterOf(record, { stage: 'storage', reason: 'r', error: new Error(text), attempts: 1 });
  });
  await storage.send('deadLetter', refused);
  await storage.close();
  const { letters } = await box.list();
  return texts.map((text) => letters.find(({ error }) => error === text)?.id ?? '');
}

async function drop(id: string, secretsDir = keys.secretsDir): Promise<void> {
  const producer = await createStagesProducer(config());
  const deeds = new DeadLetterDeeds({ ...config(), secretsDir }, producer);
  const letters = [...(await box.named([id])).values()];
  await deeds.settle(letters, { what: 'drop', by: 'ada', tell: () => Promise.resolve() });
  await producer.close();
}

/** What stands last on the topic. */
async function lastRecord(): Promise<ForgedRecord> {
  const [range] = await offsetRanges(config(), 'deadLetter');
  const all = await readAsStranger(kafka.bus, 'deadLetter', range?.end ?? 0);
  return all.at(-1) as ForgedRecord;
}

async function states(): Promise<[string, string][]> {
  return (await box.list()).letters.map(({ error, state, by }) => [error, by === '' ? state : `${state} by ${by}`]);
}

describe('a note of what was done with a dead letter', () => {
  it('counts for nothing when nobody signed it: the letter waits, and the note is told of', async () => {
    const [id = ''] = await refuse('unsigned');
    const headers = { letter: id, letter_state: 'dropped', letter_by: 'admin' };
    await forge(kafka.bus, [{ topic: 'deadLetter', key: 't:h', value: Buffer.alloc(0), headers }]);
    expect(await states()).toEqual([['unsigned', 'waiting']]);
    const { falseNotes } = await box.list({ state: 'waiting' });
    expect(falseNotes).toEqual({ total: 1, reasons: { record_unsigned: 1 }, letters: [id] });
    expect((await box.named([id])).get(id)?.state).toBe('waiting');
  });

  it('counts for nothing when it says something else than what was signed', async () => {
    const [id = '', other = ''] = await refuse('dropped', 'other');
    await drop(id);
    const before = (await box.list()).falseNotes?.total ?? 0;
    const note = await lastRecord();
    const text = Buffer.from(note.value).toString();
    const signature = note.headers['norn-signature'] ?? '';
    const made = [
      { ...note, headers: { ...note.headers, letter: other }, value: Buffer.from(text.replace(id, other)) },
      { ...note, value: Buffer.from(text.replace('ada', 'bob')) },
      { ...note, value: Buffer.from(text.replace('dropped', 'replayed')) },
      { ...note, key: 't:other' },
      { ...note, headers: { ...note.headers, 'norn-signature': signature.slice(1) } },
      { ...note, headers: { ...note.headers, 'norn-signature': 'x' } },
    ];
    expect([text, signature]).toEqual([expect.stringContaining(id), expect.stringMatching(/./)]);
    // As it is, of another letter: it speaks of its own.
    await forge(kafka.bus, [...made, { ...note, headers: { ...note.headers, letter: other } }]);
    expect(await states()).toEqual(
      expect.arrayContaining([
        ['dropped', 'dropped by ada'],
        ['other', 'waiting'],
      ]),
    );
    expect((await box.list()).falseNotes).toMatchObject({
      total: before + made.length,
      reasons: { signature_wrong: 4, signer_unknown: 1, signature_malformed: 1 },
    });
  });

  it('counts for nothing when a stage signed it, or somebody with a key of his own', async () => {
    const [id = ''] = await refuse('by a stage');
    const [stage, stranger] = [makeTestKeys(), makeTestKeys()];
    const own = signerKeyFile('deadletters');
    copyFileSync(join(keys.secretsDir, signerKeyFile('detection')), join(stage.secretsDir, own));
    for (const other of [stage, stranger]) {
      await drop(id, other.secretsDir);
      other.remove();
    }
    expect(await states()).toEqual(expect.arrayContaining([['by a stage', 'waiting']]));
    expect((await box.list()).falseNotes?.reasons).toMatchObject({ signer_foreign: 1, signer_unknown: 2 });
    await drop(id);
    expect(await states()).toEqual(expect.arrayContaining([['by a stage', 'dropped by ada']]));
  });
});
