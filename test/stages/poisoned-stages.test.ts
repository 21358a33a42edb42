// A record that can not be handled, at the door of each stage: it is dead-lettered with its stage and place, and the next one is handled.
// @norn-strict
import { flow, type TopicName } from '@norn/bus';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** What is no message of any topic, nor a batch; the key is one that every stage understands. */
const poison = [
  Buffer.from('no record'),
  Buffer.alloc(0),
  Buffer.alloc(40, 0xff),
  Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f]),
];
/** Enrichment reads all facts anew at each start, and passes over what is none: it is storage that dead-letters those. */
const isFollowed = (stage: string, topic: TopicName): boolean => stage === 'enrichment' && topic === 'facts';
const doors = flow.flatMap(({ name, consumes }) =>
  consumes.filter((topic) => !isFollowed(name, topic)).map((topic) => ({ stage: name, topic })),
);

/** What counts over hosts is a group of the same service. */
const groupOf = (stage: string): string => (stage === 'tenant-detection' ? 'norn.detection.tenants' : `norn.${stage}`);

async function letters(): Promise<string[]> {
  const records = await trial.records('deadLetter');
  return records.map(
    ({ headers }) => `${headers['stage']} ${headers['topic']} ${headers['offset']} ${headers['code']}`,
  );
}

describe('every stage', () => {
  it('dead-letters what it can not handle, from each of its topics, and goes on to the end', async () => {
    const topics = [...new Set(doors.map(({ topic }) => topic))] as TopicName[];
    for (const topic of topics) {
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
    const due = doors.flatMap(({ stage, topic }) => [0, 2].map((offset) => `${stage} ${topic} ${offset} `));
    const told = await eventually(letters, (found) => due.every((start) => found.some((one) => one.startsWith(start))));
    expect(told.filter((one) => / (unexpected|undefined)$/.test(one))).toEqual([]);
    for (const { stage, topic } of doors) {
      await eventually(
        () => trial.committed(topic, groupOf(stage)),
        (committed) => committed.get(0) === poison.length,
      );
    }
    await Promise.all(stages.map((stage) => stage.stop()));
  });
});
