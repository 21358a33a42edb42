// Who wrote a record: readers take what a stage signed that may write it, and nothing else that stands on a topic.
// @norn-strict
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BusProducer,
  type TopicName,
  createConsumer,
  createProducer,
  ensureTopics,
  followTopic,
  offsetRanges,
  readRange,
  topics,
  writers,
} from '@norn/bus';
import { makeSignerKeys, signerKeyFile } from '@norn/config';
import { metricsText } from '@norn/telemetry';
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
let producer: BusProducer;
const config = () => ({ ...kafka.bus, kafkaPartitions: 1, secretsDir: keys.secretsDir });

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

const record = (key: string, text: string) => ({ key, headers: { schema: '1' }, value: Buffer.from(text) });
const forged = (topic: TopicName, key: string, text: string): ForgedRecord => ({ topic, ...record(key, text) });

/** What a reader of everything on the topic is given, as text. */
async function readable(topic: TopicName): Promise<string[]> {
  const texts: string[] = [];
  await readRange(config(), topic, await offsetRanges(config(), topic), ({ records }) => {
    texts.push(...records.map(({ value }) => Buffer.from(value).toString()));
    return Promise.resolve();
  });
  return texts;
}

async function refused(topic: TopicName, reason: string): Promise<number> {
  const line = (await metricsText())
    .split('\n')
    .find((each) => each.includes('records_unproven') && each.includes(`"${topic}"`) && each.includes(`"${reason}"`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** A true record of the topic as it stands on it. */
async function trueRecord(topic: TopicName, key: string, text: string): Promise<ForgedRecord> {
  await producer.send(topic, [record(key, text)]);
  const [range] = await offsetRanges(config(), topic);
  const found = (await readAsStranger(kafka.bus, topic, range?.end ?? 1)).find(
    ({ value }) => Buffer.from(value).toString() === text,
  );
  if (found === undefined) throw new Error(`${text} is not on ${topic}`);
  return found;
}

describe('a record on the bus', () => {
  const signedTopics = (Object.keys(topics) as TopicName[]).filter((topic) => writers[topic].length > 0);

  it('is signed on every topic but that of the dead letters', () => {
    expect((Object.keys(topics) as TopicName[]).filter((topic) => !signedTopics.includes(topic))).toEqual([
      'deadLetter',
    ]);
  });

  it.each(signedTopics)('of %s is read when its stage wrote it, and not without a signature', async (topic) => {
    const before = await refused(topic, 'record_unsigned');
    await forge(kafka.bus, [forged(topic, 'default:host-1', 'forged')]);
    await producer.send(topic, [record('default:host-1', 'true')]);
    expect(await readable(topic)).toEqual(['true']);
    expect(await refused(topic, 'record_unsigned')).toBe(before + 1);
  });

  it('says the same under no other key, topic or content', async () => {
    const alert = await trueRecord('alerts', 'default:host-1', 'an alert');
    await forge(kafka.bus, [
      { ...alert, key: 'default:host-2' },
      { ...alert, key: 'other:host-1' },
      { ...alert, topic: 'findings' },
      { ...alert, value: Buffer.from('another alert') },
    ]);
    expect((await readable('alerts')).filter((text) => text.includes('alert'))).toEqual(['an alert']);
    expect(await readable('findings')).not.toContain('an alert');
    expect(await refused('alerts', 'signature_wrong')).toBeGreaterThanOrEqual(3);
    expect(await refused('findings', 'signature_wrong')).toBeGreaterThanOrEqual(1);
  });

  it('needs the signature of a stage that may write to its topic', async () => {
    // Ingest, which may write outcomes, and whoever took its key.
    const outcome = await trueRecord('outcomes', 'default:host-1', 'by ingest');
    await forge(kafka.bus, [{ ...outcome, topic: 'commands' }]);
    expect(await readable('commands')).not.toContain('by ingest');
    expect(await refused('commands', 'signer_foreign')).toBe(1);
    const ingest = await createProducer(config(), { signer: 'ingest' });
    await expect(ingest.send('alerts', [record('default:host-1', 'an alert')])).rejects.toThrow(
      'alerts is written by detection, not by ingest',
    );
    await ingest.close();
    const unsigned = await createProducer(config());
    await expect(unsigned.send('alerts', [record('default:host-1', 'x')])).rejects.toThrow(/producer without a signer/);
    await unsigned.send('deadLetter', [record('default:host-1', 'a dead letter')]);
    await unsigned.close();
  });

  it('is not taken with a signature that is none, or of a key that nobody told of', async () => {
    const finding = await trueRecord('findings', 'default:host-1', 'a finding');
    const header = finding.headers['norn-signature'] ?? '';
    const [keyId = '', signature = ''] = header.split('.');
    const strangers = makeTestKeys();
    const stranger = await createProducer({ ...config(), secretsDir: strangers.secretsDir }, { signer: 'detection' });
    await stranger.send('findings', [record('default:host-1', 'by a stranger')]);
    await stranger.close();
    strangers.remove();
    const node = Buffer.alloc(32).toString('base64url');
    const places = ['1-1.', '0-33.', `0-1.${node}`, '0-2.', '0.'].map((place) => `${keyId}.${signature}.${place}`);
    const texts = ['', 'x', ...places, `${header}.x`];
    await forge(
      kafka.bus,
      texts.map((text) => ({ ...finding, headers: { 'norn-signature': text } })),
    );
    expect((await readable('findings')).filter((text) => text !== 'true')).toEqual(['a finding']);
    expect(await refused('findings', 'signer_unknown')).toBeGreaterThanOrEqual(1);
    expect(await refused('findings', 'signature_malformed')).toBeGreaterThanOrEqual(8);
  });

  it('stops nobody who reads behind it: groups and followers go on', async () => {
    const taken: string[] = [];
    const followed: string[] = [];
    const take = (into: string[]) => (batch: { records: readonly { value: Uint8Array }[] }) => {
      into.push(...batch.records.map(({ value }) => Buffer.from(value).toString()));
      return Promise.resolve();
    };
    const consumer = await createConsumer(config(), {
      groupId: 'signed',
      minBytes: 1,
      handlers: new Map([['alerts', take(taken)]]),
    });
    const follower = await followTopic(config(), 'alerts', take(followed));
    await forge(kafka.bus, [forged('alerts', 'default:host-1', 'forged again')]);
    await producer.send('alerts', [record('default:host-1', 'the last')]);
    while (!taken.includes('the last') || !followed.includes('the last')) await sleep(20);
    expect([...taken, ...followed]).not.toContain('forged again');
    await Promise.all([consumer.close(), follower.close()]);
  });

  it('is signed in runs when many go at once, each record by itself', async () => {
    const many = Array.from({ length: 100 }, (_, at) => record('default:host-9', `many ${String(at)}`));
    await producer.send('enriched', many);
    const found = (await readable('enriched')).filter((text) => text.startsWith('many'));
    expect(found).toEqual(many.map(({ value }) => value.toString()));
    const [range] = await offsetRanges(config(), 'enriched');
    const stood = await readAsStranger(kafka.bus, 'enriched', range?.end ?? 0);
    const ofMany = stood.filter(({ value }) => Buffer.from(value).toString().startsWith('many'));
    const [first, second] = ofMany;
    if (first === undefined || second === undefined) throw new Error('too few');
    // A record with its neighbour's place in the same run, and what lies above two records said to be one.
    const header = second.headers['norn-signature'] ?? '';
    const shorter = header.replace(/\d+-\d+/, '0-16').slice(0, -43);
    await forge(kafka.bus, [
      { ...first, headers: second.headers },
      { ...first, headers: { 'norn-signature': shorter } },
    ]);
    expect((await readable('enriched')).filter((text) => text === 'many 0')).toHaveLength(1);
  });
});

describe('a key that takes the place of another', () => {
  it('is believed as soon as it is told of, while what the old one signed stays readable', async () => {
    const heard: string[] = [];
    const follower = await followTopic(config(), 'policies', ({ records }) => {
      heard.push(...records.map(({ value }) => Buffer.from(value).toString()));
      return Promise.resolve();
    });
    await producer.send('policies', [record('default', 'by the old key')]);
    rmSync(join(keys.secretsDir, signerKeyFile('remediation')));
    makeSignerKeys(keys.secretsDir);
    const renewed = await createProducer(config(), { signer: 'remediation' });
    await renewed.send('policies', [record('default', 'by the new key')]);
    while (!heard.includes('by the new key')) await sleep(20);
    await follower.close();
    expect(await readable('policies')).toEqual(expect.arrayContaining(['by the old key', 'by the new key']));
    // The old one is let go.
    const file = join(keys.secretsDir, 'signers.json');
    const { keys: listed } = JSON.parse(readFileSync(file, 'utf8')) as { keys: { signer: string }[] };
    const first = listed.findIndex(({ signer }) => signer === 'remediation');
    writeFileSync(file, JSON.stringify({ keys: listed.filter((_, at) => at !== first) }));
    expect(await readable('policies')).toEqual(['by the new key']);
    await renewed.close();
  });
});
