// A handler that throws, in every stage: what the log says of it, in one JSON line, and nothing between the lines.
// @norn-strict
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flow } from '@norn/bus';
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
