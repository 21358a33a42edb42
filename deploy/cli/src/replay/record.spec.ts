// A recording of a real broker's topics, replayed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureAccess, ensureTopics } from '@norn/bus';
import { openBatch } from '@norn/contracts';
import { makeSignerKeys } from '@norn/config';
import { SimulatedHost, type TestKafka, createStagesProducer, startKafka } from '@norn/testkit';
import { recordTopics } from './record.ts';
import { replay } from './replay.ts';

let kafka: TestKafka;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'norn-record-'));
  kafka = await startKafka();
});
afterAll(async () => {
  await kafka.stop();
  await rm(folder, { recursive: true });
});

describe('a recording of the raw topic', () => {
  it('holds every batch of every host, from a moment on, and replays', async () => {
    makeSignerKeys(folder);
    const config = { ...kafka.bus, kafkaPartitions: 2, secretsDir: folder };
    await ensureTopics(config);
    await ensureAccess(config);
    const startUs = Date.now() * 1000;
    const batches = [1, 2, 3].flatMap((seed) => {
      const host = new SimulatedHost({ seed, processes: 40, startUs: seed === 3 ? startUs - 7_200_000_000 : startUs });
      const headers = { tenant: 'default', host: `host-${seed}`, schema: '1' };
      return [host.snapshot(), host.live(), host.live()].map((value) => ({
        key: `default:host-${seed}`,
        value,
        headers,
      }));
    });
    const producer = await createStagesProducer(config);
    await producer.send('raw', batches);
    await producer.send('facts', [{ key: 'default:host-1', value: new Uint8Array(0), headers: {} }]);
    await producer.close();

    const file = join(folder, 'recent');
    expect(
      await recordTopics({ ...kafka.busOf('record'), secretsDir: folder }, file, startUs - 3_600_000_000),
    ).toMatchObject({
      batches: 6,
      hosts: 2,
    });
    const report = await replay(file);
    expect(Object.keys(report.perWorkload)).toEqual(['default:host-1', 'default:host-2']);
    expect(report.events).toBe(batches.slice(0, 6).reduce((sum, { value }) => sum + openBatch(value).eventCount, 0));
    await expect(recordTopics({ ...kafka.busOf('record'), secretsDir: folder }, file, 0)).rejects.toThrow(
      'name a file that is not there yet',
    );
  });
});
