// What stages refuse, on one set of parts: each stage is made to throw, then given what is no record, and storage what is of somebody else.
// @norn-strict
import { create, toBinary } from '@bufbuild/protobuf';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OutRecord, type TopicName, flow } from '@norn/bus';
import { action, finding } from '@norn/contracts';
import { createControlStore } from '@norn/store';
import { startPostgres, type TestPostgres } from '@norn/testkit';
import { type StageTrial, eventually, readingStages, startStageTrial } from './stage-trial.ts';

let trial: StageTrial;
let postgres: TestPostgres;
beforeAll(async () => {
  [trial, postgres] = await Promise.all([startStageTrial({ partitions: 1 }), startPostgres()]);
  const control = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  await control.destroy();
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(trial.secretsDir, 'command.key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
});
afterAll(async () => {
  await trial.close();
  await postgres.stop();
});

/** Enrichment follows the facts by itself, without a group. */
const doors = flow.flatMap(({ name, consumes }) =>
  consumes.filter((topic) => name !== 'enrichment' || topic !== 'facts').map((topic) => ({ stage: name, topic })),
);
const attempts = 3;

describe('a handler that throws', () => {
  it('is told of with its error, stage, topic, partition and offset, in every stage', async () => {
    for (const topic of new Set(doors.map((door) => door.topic))) {
      const record = { key: 'default:host-1', partition: 0, value: Buffer.from('any'), headers: {} };
      await trial.producer.send(topic, [record]);
    }
    const more = {
      NORN_POSTGRES_URL: postgres.urlWithPassword,
      NORN_POSTGRES_PASSWORD_FILE: '',
      // Nest speaks there.
      NORN_LOG_LEVEL: 'debug',
    };
    const output: string[] = [];
    const listening = {
      imports: [join(import.meta.dirname, 'throwing-steps.mjs')],
      onOutput: (text: string) => output.push(text),
    };
    const stages = readingStages.map((name) => trial.stage(name, more, listening));
    await Promise.all(stages.map((stage) => stage.start()));
    const refused = await eventually(
      () => trial.records('deadLetter'),
      (letters) => letters.length >= doors.length,
    );
    await Promise.all(stages.map((stage) => stage.stop()));

    expect(
      refused.map(({ headers }) => `${headers['stage']} ${headers['topic']} ${headers['attempts']}`).sort(),
    ).toEqual(doors.map(({ stage, topic }) => `${stage} ${topic} ${attempts}`).sort());
    const lines = output.map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(lines.some(({ name }) => name === 'nest')).toBe(true);
    for (const door of doors) {
      const of = lines.filter((line) => line['stage'] === door.stage && line['topic'] === door.topic);
      const error = {
        type: 'TypeError',
        message: 'made to throw',
        stack: expect.stringContaining('throwing-steps.mjs') as string,
      };
      const told = { level: 50, name: 'bus', ...door, partition: 0, offset: 0, err: error, msg: 'made to throw' };
      expect(of.filter(({ code }) => code === 'handler_failed')).toEqual(
        Array.from({ length: attempts }, () => expect.objectContaining(told) as unknown),
      );
      expect(of.filter(({ code }) => code === 'dead_lettered')).toEqual([
        expect.objectContaining({ ...told, attempts }) as unknown,
      ]);
    }
  });
});

/** What is no message of any topic, nor a batch; the key is one that every stage understands. */
const poison = [
  Buffer.from('no record'),
  Buffer.alloc(0),
  Buffer.alloc(40, 0xff),
  Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f]),
];
/** What counts over hosts is a group of the same service. */
const groupOf = (stage: string): string => (stage === 'tenant-detection' ? 'norn.detection.tenants' : `norn.${stage}`);

/** Of the records that stand at an offset or behind it. */
async function lettersFrom(first: (topic: string) => number): Promise<string[]> {
  const records = (await trial.records('deadLetter')).map(({ headers }) => headers);
  return records
    .filter(({ topic = '', offset }) => Number(offset) >= first(topic))
    .map(({ stage, topic, offset, code }) => `${stage} ${topic} ${offset} ${code}`);
}

describe('every stage', () => {
  it('dead-letters what it can not handle, from each of its topics, and goes on to the end', async () => {
    const topics = [...new Set(doors.map(({ topic }) => topic))] as TopicName[];
    const firsts = new Map<string, number>();
    for (const topic of topics) {
      firsts.set(topic, (await trial.ends(topic)).get(0) ?? 0);
      await trial.producer.send(
        topic,
        poison.map((value) => ({
          key: 'default:poisoned',
          partition: 0,
          value,
          headers: { tenant: 'default', host: 'poisoned' },
        })),
      );
    }
    const store = { NORN_POSTGRES_URL: postgres.urlWithPassword, NORN_POSTGRES_PASSWORD_FILE: '' };
    const stages = readingStages.map((name) => trial.stage(name, store));
    await Promise.all(stages.map((stage) => stage.start()));
    // What is empty may be a message without fields; the first and the third are none in any topic.
    const first = (topic: string): number => firsts.get(topic) ?? 0;
    const due = doors.flatMap(({ stage, topic }) => [0, 2].map((n) => `${stage} ${topic} ${first(topic) + n} `));
    const told = await eventually(
      () => lettersFrom(first),
      (found) => due.every((start) => found.some((one) => one.startsWith(start))),
    );
    expect(told.filter((one) => / (unexpected|undefined)$/.test(one))).toEqual([]);
    for (const { stage, topic } of doors) {
      await eventually(
        () => trial.committed(topic, groupOf(stage)),
        (committed) => committed.get(0) === first(topic) + poison.length,
      );
    }
    await Promise.all(stages.map((stage) => stage.stop()));
  });
});

/** Who holds detection's or ingest's key may write what is said of another tenant or host than the record's key. */
const mine = { tenantId: 'default', hostId: 'web-1' };
/** Rows of long ago go at once. */
const nowUs = BigInt(Date.now()) * 1000n;
const id = (name: string): string => Buffer.from(name).toString('hex').padEnd(32, '0').slice(0, 32);
const keyed = (key: string, value: Uint8Array): OutRecord => ({ key, value, headers: {} });

const findingOf = (name: string, owner = mine): finding.Finding =>
  create(finding.FindingSchema, { id: id(name), ruleId: name, timeUs: nowUs, ...owner });
const findingAt = (key: string, name: string): OutRecord =>
  keyed(key, toBinary(finding.FindingSchema, findingOf(name)));
const alertAt = (key: string, name: string, owner = mine, findings = [findingOf(name)]): OutRecord =>
  keyed(
    key,
    toBinary(
      finding.AlertSchema,
      create(finding.AlertSchema, {
        ...{ id: id(name), title: name, version: 1, ...owner, findings },
        createdAtUs: nowUs,
      }),
    ),
  );
const outcomeAt = (key: string, name: string): OutRecord => {
  const files = [{ path: Buffer.from(`/${name}`), verdict: action.Verdict.LOST }];
  const ids = { commandId: id(name), alertId: id(name) };
  const outcome = create(action.OutcomeSchema, { ...ids, ...mine, files, finishedAtUs: nowUs });
  return keyed(key, toBinary(action.OutcomeSchema, outcome));
};

/** What stands in the tenant's table, by a column that is the name. */
async function stored(table: 'findings' | 'alerts' | 'outcome_files', column: string): Promise<string[]> {
  const rows = await trial.reader.select<{ name: string }>({ select: [`DISTINCT ${column} AS name`], from: table });
  return rows.map(({ name }) => name).sort();
}

it('a record of another tenant or host than its key is stored for nobody, while what stands behind it is', async () => {
  const storage = trial.stage('storage');
  await storage.start();
  const send = (topic: TopicName, ...records: OutRecord[]): Promise<void> => trial.producer.send(topic, records);
  const [own, others, another] = ['default:web-1', 'acme:web-1', 'default:web-2'];
  await send('findings', findingAt(others, 'f-tenant'), findingAt(another, 'f-host'), findingAt(own, 'f-own'));
  await send(
    'alerts',
    alertAt(others, 'a-tenant'),
    alertAt(another, 'a-host'),
    // Its own tenant's, and in it a finding of another's.
    alertAt(others, 'a-within', { ...mine, tenantId: 'acme' }),
    alertAt(own, 'a-own'),
  );
  await send('outcomes', outcomeAt(others, 'o-tenant'), outcomeAt(another, 'o-host'), outcomeAt(own, 'o-own'));
  const all = async (): Promise<string[]> => [
    ...(await stored('findings', 'rule_id')),
    ...(await stored('alerts', 'title')),
    ...(await stored('outcome_files', 'path')),
  ];
  // Storage makes the tables.
  const found = await eventually(
    () => all().catch((): string[] => []),
    (names) => ['f-own', 'a-own', '/o-own'].every((name) => names.includes(name)),
  );
  expect(found).toEqual(['a-own', 'f-own', 'a-own', '/o-own']);
  await storage.stop();
});
